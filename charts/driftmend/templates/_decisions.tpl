{{- /* What the policy over reports knows of a decision (status.approval). Rights are asked for by what steps[].object says, never by a text
that is for people. */ -}}
{{- define "driftmend.decisionVariables" -}}
- name: approval
  expression: "'approval' in variables.after ? variables.after['approval'] : null"
- name: decided
  expression: "'approval' in variables.changed"
- name: decisionBefore
  expression: "'approval' in variables.before && variables.before['approval'] != null ? variables.before['approval'] : dyn({})"
# The heal that is in progress before this write.
- name: inProgress
  expression: "'healing' in variables.before ? variables.before['healing'] : null"
- name: spent
  expression: >-
    'planHash' in variables.decisionBefore && 'history' in variables.before && variables.before['history'] != null
    && variables.before['history'].exists(entry, 'planHash' in entry && entry['planHash'] == variables.decisionBefore['planHash'])
# The plan that the report shows: what stood there before this write, which can change it by nobody but the controller.
- name: shown
  expression: "'plan' in variables.before && variables.before['plan'] != null ? variables.before['plan'] : dyn({})"
- name: steps
  expression: "'steps' in variables.shown && variables.shown['steps'] != null ? variables.shown['steps'] : dyn([])"
- name: objects
  expression: "variables.steps.map(step, 'object' in step && step['object'] != null ? step['object'] : dyn({}))"
# The kinds that a plan may write, and nothing that is not here is ever approved.
- name: resources
  expression: >-
    { {{- include "driftmend.governedResources" . -}}, 'argoproj.io/Application': 'applications',
    'kustomize.toolkit.fluxcd.io/Kustomization': 'kustomizations'}
- name: unknown
  expression: >-
    variables.objects.filter(object, !(
    ['apiVersion', 'kind', 'namespace', 'name'].all(key, key in object && object[key] != null && object[key] != '')
    && string(object['apiVersion']).split('/')[0] + '/' + string(object['kind']) in variables.resources))
- name: target
  expression: oldObject.spec.target
- name: targetGroup
  expression: variables.target.apiVersion.split('/')[0]
# A right on the kind that the report is about, and on no other one of its name.
- name: mayPatchTarget
  expression: >-
    (variables.targetGroup + '/' + variables.target.kind) in variables.resources
    && authorizer.group(variables.targetGroup).resource(variables.resources[variables.targetGroup + '/' + variables.target.kind])
    .namespace(oldObject.metadata.namespace).name(variables.target.name).check('patch').allowed()
# What is written beside the target: the object of one tool, however many steps it takes. To ask the authorizer costs a third of what an
# expression may cost, so that no expression asks more than once.
- name: others
  expression: >-
    variables.unknown.size() > 0 ? dyn([]) : variables.objects.filter(object, !(
    string(object['apiVersion']).split('/')[0] == variables.targetGroup && object['kind'] == variables.target.kind
    && object['namespace'] == oldObject.metadata.namespace && object['name'] == variables.target.name))
- name: other
  expression: "variables.others.size() > 0 ? variables.others[0] : dyn({})"
- name: several
  expression: "variables.others.exists(object, ['apiVersion', 'kind', 'namespace', 'name'].exists(key, object[key] != variables.other[key]))"
- name: mayPatchOther
  expression: >-
    variables.others.size() == 0 || authorizer.group(string(variables.other['apiVersion']).split('/')[0])
    .resource(variables.resources[string(variables.other['apiVersion']).split('/')[0] + '/' + string(variables.other['kind'])])
    .namespace(string(variables.other['namespace'])).name(string(variables.other['name'])).check('patch').allowed()
- name: mayPatchAll
  expression: "variables.unknown.size() == 0 && !variables.several && variables.mayPatchTarget && variables.mayPatchOther"
# For messages: what is to be patched.
- name: toPatch
  expression: >-
    'the ' + variables.target.kind + ' "' + variables.target.name + '" in namespace "' + oldObject.metadata.namespace + '"'
    + (variables.others.size() == 0 ? '' : ' and ' + string(variables.other['kind']) + ' '
    + string(variables.other['namespace']) + '/' + string(variables.other['name']))
{{- if eq .Values.approval.right "approve" }}
- name: mayDecide
  expression: >-
    authorizer.group('driftmend.dev').resource('driftreports').namespace(oldObject.metadata.namespace)
    .name(oldObject.metadata.name).check('approve').allowed()
# What these steps write is what Git has, or a request to the tool that syncs to bring it. Any other needs the rights themselves.
- name: onlyBringsGitBack
  expression: >-
    variables.steps.all(step, 'kind' in step && step['kind'] in
    ['Restore', 'Transfer', 'HandBack', 'Refresh', 'ClearOperation', 'StartOperation', 'Reconcile'])
{{- end }}
# What the plan shows as to be acknowledged; what was written by an earlier version shows nothing of the kind.
- name: toAcknowledge
  expression: >-
    'cautions' in variables.shown && variables.shown['cautions'] != null
    ? variables.shown['cautions'].filter(caution, type(caution) != string && 'mustAcknowledge' in caution
    && caution['mustAcknowledge'] == true).map(caution, string(caution['id'])) : dyn([])
- name: acknowledged
  expression: >-
    variables.approval != null && 'acknowledged' in variables.approval && variables.approval['acknowledged'] != null
    ? variables.approval['acknowledged'] : dyn([])
- name: mayBreakGlass
  expression: >-
    authorizer.group('driftmend.dev').resource('driftreports').namespace(oldObject.metadata.namespace)
    .name(oldObject.metadata.name).check('breakglass').allowed()
# By name and by group: either may be there without the other where somebody impersonates.
- name: machine
  expression: >-
    (request.userInfo.username.startsWith('system:serviceaccount:')
    || (has(request.userInfo.groups) && 'system:serviceaccounts' in request.userInfo.groups))
    && !(request.userInfo.username in {{ include "driftmend.approvers" . }})
{{- end -}}

{{- /* What holds of every write of a decision. */ -}}
{{- define "driftmend.decisionValidations" -}}
# What was carried out is spent: the controller clears it away, and only that.
- expression: >-
    !(variables.controller && variables.decided) || (variables.approval == null && variables.spent)
  reason: Forbidden
  message: "status.approval is a person's to write: driftmend's own ServiceAccount may neither give, change nor remove an approval"
- expression: >-
    !variables.decided || variables.approval == null
    || ('by' in variables.approval && variables.approval['by'] == request.userInfo.username)
  reason: Forbidden
  message: "status.approval.by must be your own user name, as `kubectl auth whoami` tells it"
  messageExpression: "'status.approval.by must be your own user name: set it to \"' + request.userInfo.username + '\"'"
# What would be left of a plan that is being carried out is no plan, and another yes would take the place of the one that is followed.
- expression: >-
    variables.inProgress == null || !variables.decided || variables.approval == null || !('decision' in variables.approval)
    || variables.approval['decision'] != 'Approved'
  reason: Forbidden
  message: "a plan is being carried out: approve what the report offers when that has ended, or take the approval back to stop it"
  messageExpression: >-
    variables.inProgress == null ? '' : 'plan ' + string(variables.inProgress.planHash) + ', approved by ' + string(variables.inProgress.by)
    + ', is being carried out: approve what the report offers when that has ended, or take the approval back to stop it'
- expression: "variables.controller || !variables.decided || !variables.machine"
  reason: Forbidden
  message: "a decision is a person's: a ServiceAccount decides only where the chart lists it under approval.serviceAccounts"
- expression: >-
    !variables.decided || variables.approval == null || !('decision' in variables.approval) || variables.approval['decision'] != 'Approved'
    || !('hash' in variables.shown) || (variables.steps.size() > 0 && variables.unknown.size() == 0 && !variables.several)
  reason: Forbidden
  message: "the plan does not say for each step which object it writes, names one of a kind that driftmend never writes, or two beside its target: it cannot be approved"
{{- if eq .Values.approval.right "approve" }}
- expression: "variables.controller || !variables.decided || variables.mayDecide"
  reason: Forbidden
  message: "approving and denying need the verb approve on the DriftReport"
  messageExpression: >-
    'approving and denying need the verb "approve" on driftreports.driftmend.dev "' + oldObject.metadata.name + '" in namespace "'
    + oldObject.metadata.namespace + '": ask for it, or have somebody decide who holds it'
- expression: >-
    !variables.decided || variables.approval == null || variables.onlyBringsGitBack
    || variables.mayPatchAll
  reason: Forbidden
  message: "this plan does more than bring Git's values back: approving it needs the right to patch all that it writes"
{{- else }}
# To take a decision back writes nothing anywhere else.
- expression: >-
    variables.controller || !variables.decided || (variables.approval == null ? variables.mayPatchTarget : variables.mayPatchAll)
  reason: Forbidden
  message: "approving and denying need the right to patch the target of the report, and all else that the plan writes"
  # A message may not ask the authorizer again.
  messageExpression: >-
    'approving and denying need the right to patch ' + variables.toPatch + ': ask for it, or have somebody decide who holds it'
{{- end }}
- expression: >-
    !variables.decided || variables.approval == null || ('decision' in variables.approval
    && (variables.approval['decision'] == 'Approved' || variables.approval['decision'] == 'Denied'))
  reason: Forbidden
  message: "status.approval.decision must be Approved or Denied"
# A denial outlives its plan, which is not shown while it holds: who gave it may word it anew. Nobody else may: what the plan wrote, and so which
# rights that takes, is not known any more.
- expression: >-
    !variables.decided || variables.approval == null || ('planHash' in variables.approval && (
    ('hash' in variables.shown && variables.approval['planHash'] == variables.shown['hash'])
    || ('decision' in variables.approval && variables.approval['decision'] == 'Denied'
    && 'decision' in variables.decisionBefore && variables.decisionBefore['decision'] == 'Denied'
    && 'by' in variables.decisionBefore && variables.decisionBefore['by'] == request.userInfo.username
    && 'planHash' in variables.decisionBefore && variables.decisionBefore['planHash'] == variables.approval['planHash'])))
  reason: Forbidden
  message: "a decision is about the plan that the report shows, and names its hash"
  messageExpression: >-
    'hash' in variables.shown
    ? 'a decision is about the plan that the report shows, ' + string(variables.shown['hash']) + ': look at that one, and name its hash'
    : 'the report shows no plan that could be decided about: wait until it does, and name its hash'
- expression: >-
    !variables.decided || variables.approval == null || !('decision' in variables.approval) || variables.approval['decision'] != 'Approved'
    || variables.toAcknowledge.all(id, id in variables.acknowledged)
  reason: Forbidden
  message: "the plan has cautions that an approval must acknowledge by their ids, in status.approval.acknowledged"
  messageExpression: >-
    'the plan has cautions that an approval must acknowledge, in status.approval.acknowledged: '
    + variables.toAcknowledge.filter(id, !(id in variables.acknowledged)).map(id, string(id)).join(', ')
- expression: >-
    !variables.decided || variables.approval == null || !('breakGlass' in variables.approval)
    || variables.approval['breakGlass'] != true || variables.mayBreakGlass
  reason: Forbidden
  message: "breaking a sync window needs the verb breakglass on the DriftReport"
  messageExpression: >-
    'breaking a sync window needs the verb "breakglass" on driftreports.driftmend.dev "' + oldObject.metadata.name + '" in namespace "'
    + oldObject.metadata.namespace + '": ask for it, or wait until the window changes'
{{- end -}}

{{- /* The ServiceAccounts that may decide, by their user names, as CEL writes a list. */ -}}
{{- define "driftmend.approvers" -}}
{{- $names := list -}}
{{- range .Values.approval.serviceAccounts -}}
{{- if hasPrefix "system:serviceaccount:" . -}}
{{- $names = append $names . -}}
{{- else -}}
{{- $names = append $names (printf "system:serviceaccount:%s" (replace "/" ":" .)) -}}
{{- end -}}
{{- end -}}
{{- if $names -}}{{ include "driftmend.celList" $names }}{{- else -}}['']{{- end -}}
{{- end -}}

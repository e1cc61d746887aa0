{{- define "driftmend.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "driftmend.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "driftmend.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "driftmend.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "driftmend.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "driftmend.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* The controller as the API server names it: the admission policies go by it. */ -}}
{{- define "driftmend.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "driftmend.serviceAccountName" . }}
{{- end -}}

{{- define "driftmend.subject" -}}
- kind: ServiceAccount
  name: {{ include "driftmend.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "driftmend.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- /* The namespaces to heal in, or a refusal: mode heal without one would be a mode that does nothing. */ -}}
{{- define "driftmend.checkMode" -}}
{{- if empty .Values.kinds -}}
{{- fail "kinds is empty: list the kinds on which driftmend has rights, such as Deployment" -}}
{{- end -}}
{{- if and (eq .Values.mode "heal") (empty .Values.heal.namespaces) -}}
{{- fail "mode is heal, but heal.namespaces is empty: list each namespace in which driftmend may patch objects (there is no \"all\"), or choose mode confirm" -}}
{{- end -}}
{{- if and (ne .Values.mode "heal") .Values.heal.namespaces -}}
{{- fail (printf "heal.namespaces is set, but mode is %s: set mode to heal, or leave heal.namespaces empty" .Values.mode) -}}
{{- end -}}
{{- range $kind, $tool := dict "applications" "argocd" "kustomizations" "flux" -}}
{{- if (index $.Values.heal $kind).namespaces -}}
{{- if ne $.Values.mode "heal" -}}
{{- fail (printf "heal.%s.namespaces is set, but mode is %s: set mode to heal, or leave heal.%s.namespaces empty" $kind $.Values.mode $kind) -}}
{{- end -}}
{{- if not (index $.Values $tool).enabled -}}
{{- fail (printf "heal.%s.namespaces is set, but %s.enabled is false: what cannot be read is not written" $kind $tool) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A list of names as CEL writes it. */ -}}
{{- define "driftmend.celList" -}}
[{{ range $index, $name := uniq . }}{{ if $index }}, {{ end }}'{{ $name }}'{{ end }}]
{{- end -}}

{{- /* How long a text is as JSON writes it, without its quotes: an expression for the text that another one gives. What holds a control character,
which takes six bytes, is longer than anything may be; whatever driftmend writes goes through its printer, and has none. */ -}}
{{- define "driftmend.jsonSize" -}}
(bytes(string({{ . }})).size() + string({{ . }}).split('"').size() + string({{ . }}).split('\\').size() - 2 + (string({{ . }}).matches('[[:cntrl:]]') ? 65536 : 0))
{{- end -}}

{{- /* The same of a list of objects that hold nothing but texts and times. */ -}}
{{- define "driftmend.jsonSizeOfAll" -}}
{{ . }}.map(item, item.map(key, {{ include "driftmend.jsonSize" "item[key]" }} + key.size() + 6).sum() + 2).sum()
{{- end -}}

{{- /* Argo CD applies wave -1 before the roles and the Deployment; Helm has no such order, see admission-fence.yaml. */ -}}
{{- define "driftmend.policyAnnotations" -}}
argocd.argoproj.io/sync-wave: "-1"
{{- end -}}

{{- /* What is read in Argo CD's own namespace: the sync windows of a project, and how resources are marked. Argo CD keeps no
secret in argocd-cm; its Secrets are read by nobody here. */ -}}
{{- define "driftmend.argocdRules" -}}
- apiGroups: [argoproj.io]
  resources: [appprojects]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [argocd-cm]
  verbs: [get]
{{- end -}}

{{- /* What the fences of admission-fence-tools.yaml compare. A write of ours by a patch leaves the resourceVersion as it was or names it. */ -}}
{{- define "driftmend.fenceVariables" -}}
- name: before
  expression: dyn(oldObject)
- name: after
  expression: dyn(object)
- name: annotationsBefore
  expression: variables.before.metadata.?annotations.orValue({})
- name: annotationsAfter
  expression: variables.after.metadata.?annotations.orValue({})
- name: written
  expression: "['annotations', 'generation', 'managedFields', 'resourceVersion']"
- name: metadataStays
  expression: >-
    variables.before.metadata.all(key, key in variables.written
    || (key in variables.after.metadata && variables.after.metadata[key] == variables.before.metadata[key]))
    && variables.after.metadata.all(key, key in variables.written || key in variables.before.metadata)
{{- end -}}

{{- /*
Who owns what stays as it is, but for what this very write takes away or overwrites: {annotation, state}, the one annotation of ours and
whether status.operationState may go. The API server takes exactly that out of the entries of others, and lets an entry go that is empty then;
a client that sends managedFields of its own could take out more, or give itself and others anything.

An entry is named by everything in it but its fields. Entries of server-side apply are compared as a whole, whoever's they are; our own Update
entry is ours, and claims what we write.

Two things more the API server does by itself at any write (managedfields/internal, capmanagers.go and structured-merge-diff's merge/update.go). Where
there are ten Update entries, the eleventh makes it join the oldest ones of one version in an entry `ancient-changes`: what went there is compared to two
levels, since CEL has no recursion. And it lets an entry go whose version is not served any more: which ones are served no expression can know, so that
one of another version than the object's may go, and not change.
*/ -}}
{{- define "driftmend.managerVariables" -}}
- name: managersBefore
  expression: variables.before.metadata.?managedFields.orValue([])
- name: managersAfter
  expression: variables.after.metadata.?managedFields.orValue([])
- name: overwrites
  expression: >-
    ('{{ .annotation }}' in variables.annotationsBefore ? variables.annotationsBefore['{{ .annotation }}'] : '')
    != ('{{ .annotation }}' in variables.annotationsAfter ? variables.annotationsAfter['{{ .annotation }}'] : '')
- name: clears
  expression: "{{ if .state }}'operationState' in variables.statusBefore && !('operationState' in variables.statusAfter){{ else }}false{{ end }}"
- name: appliersStay
  expression: >-
    variables.managersBefore.filter(entry, entry.operation == 'Apply').all(entry, entry in variables.managersAfter
    || entry.?apiVersion.orValue('') != variables.after.apiVersion)
    && variables.managersBefore.filter(entry, entry.operation == 'Apply' && entry in variables.managersAfter).size()
    == variables.managersAfter.filter(entry, entry.operation == 'Apply').size()
- name: oursIsOurs
  expression: >-
    variables.managersAfter.filter(entry, entry.operation != 'Apply' && entry.?manager.orValue('') == 'driftmend-heal')
    .map(entry, entry.?fieldsV1.orValue({})).all(fields, fields.all(key, {{ if .state }}key == 'f:operation' || {{ end }}(key == 'f:metadata'
    && fields[key].all(part, part == 'f:annotations' && fields[key][part].all(name, name in ['.', 'f:{{ .annotation }}'])))))
- name: othersBefore
  expression: variables.managersBefore.filter(entry, entry.operation != 'Apply' && entry.?manager.orValue('') != 'driftmend-heal')
- name: othersAfter
  expression: variables.managersAfter.filter(entry, entry.operation != 'Apply' && entry.?manager.orValue('') != 'driftmend-heal')
# The entry that the oldest ones went into by this write.
- name: joined
  expression: >-
    variables.managersBefore.filter(entry, entry.operation != 'Apply').size() < 10 ? dyn([]) : variables.othersAfter.filter(entry,
    entry.?manager.orValue('') == 'ancient-changes' && entry.all(key, key in ['manager', 'operation', 'apiVersion', 'time', 'fieldsType', 'fieldsV1'])
    && !(entry in variables.othersBefore))
# Each entry of others that was there, with the fields that it has now.
- name: pairs
  expression: >-
    variables.othersBefore.map(old, {
    'old': [old.?fieldsV1.orValue({})],
    'version': [dyn(old.?apiVersion.orValue(''))],
    'new': variables.othersAfter.filter(entry, !(entry in variables.joined) && old.all(key, key == 'fieldsV1' || (key in entry && entry[key] == old[key]))
    && entry.all(key, key == 'fieldsV1' || key in old)).map(entry, entry.?fieldsV1.orValue({}))})
# The entries that went into that by this write: itself as it was before, too, whose time may be the same.
- name: old
  expression: >-
    variables.pairs.filter(pair, pair.new.size() == 0 && variables.joined.exists(entry, entry.?apiVersion.orValue('') == pair.version[0]))
    .map(pair, pair.old[0])
- name: joinedHolds
  expression: >-
    variables.joined.size() <= 1 && variables.old.size() <= 3 && variables.joined.map(entry, entry.?fieldsV1.orValue({})).all(fields,
    variables.old.all(gone, gone.all(key, gone[key].all(part, (key in fields && part in fields[key])
    || (key == 'f:metadata' && part == 'f:annotations' && variables.overwrites
    && gone[key][part].all(name, name in ['.', 'f:{{ .annotation }}']))
    || (key == 'f:status' && part == 'f:operationState' && variables.clears))))
    && fields.all(key, variables.old.exists(gone, key in gone)
    && fields[key].all(part, variables.old.exists(gone, key in gone && part in gone[key]))))
- name: nobodyJoins
  expression: >-
    variables.pairs.all(pair, pair.new.size() <= 1)
    && variables.othersAfter.size() == variables.pairs.filter(pair, pair.new.size() == 1).size() + variables.joined.size()
- name: losses
  expression: >-
    variables.pairs.filter(pair, pair.new.size() == 1 || (pair.version[0] == variables.after.apiVersion
    && !variables.joined.exists(entry, entry.?apiVersion.orValue('') == pair.version[0]))).map(pair, {'old': pair.old[0], 'new': pair.new.size() == 1 ? pair.new[0] : dyn({})})
- name: fieldsStay
  expression: >-
    variables.losses.all(pair,
    pair.new.all(key, key in pair.old)
    && pair.old.all(key, key in ['f:metadata'{{ if .state }}, 'f:status'{{ end }}] || (key in pair.new && pair.new[key] == pair.old[key])))
- name: metadataFieldsStay
  expression: >-
    variables.losses.map(pair, {'old': pair.old[?'f:metadata'].orValue({}), 'new': pair.new[?'f:metadata'].orValue({})}).all(pair,
    pair.new.all(key, key in pair.old)
    && pair.old.all(key, key == 'f:annotations' || (key in pair.new && pair.new[key] == pair.old[key]))
    && pair.new[?'f:annotations'].orValue({}).all(key, key in pair.old[?'f:annotations'].orValue({}))
    && pair.old[?'f:annotations'].orValue({}).all(key,
    (key in pair.new[?'f:annotations'].orValue({}) && pair.new['f:annotations'][key] == pair.old['f:annotations'][key])
    || (key == 'f:{{ .annotation }}' && variables.overwrites)
    || (key == '.' && variables.annotationsAfter.size() == 0)))
- name: statusFieldsStay
  expression: >-
    {{ if .state -}}
    variables.losses.map(pair, {'old': pair.old[?'f:status'].orValue({}), 'new': pair.new[?'f:status'].orValue({})}).all(pair,
    pair.new.all(key, key in pair.old)
    && pair.old.all(key, (key in pair.new && pair.new[key] == pair.old[key]) || (key == 'f:operationState' && variables.clears
    && !(key in pair.new))))
    {{- else -}}
    true
    {{- end }}
- name: managersStay
  expression: >-
    variables.appliersStay && variables.oursIsOurs && variables.nobodyJoins && variables.joinedHolds && variables.fieldsStay && variables.metadataFieldsStay && variables.statusFieldsStay
{{- end -}}

{{- /* The governed kinds, as JSON: the program's own table (src/engine/kind), with which a test compares it. Fences and decisions know all of
them; rights are given to those that values.yaml names. */ -}}
{{- define "driftmend.kinds" -}}
[
{"group": "apps", "kind": "Deployment", "plural": "deployments"},
{"group": "apps", "kind": "DaemonSet", "plural": "daemonsets"}
]
{{- end -}}

{{- /* The kinds that a sync may be limited to, as CEL writes a list. */ -}}
{{- define "driftmend.governedKinds" -}}
{{- $kinds := list -}}
{{- range include "driftmend.kinds" . | fromJsonArray -}}
{{- $kinds = append $kinds (printf "{'group': '%s', 'kind': '%s'}" .group .kind) -}}
{{- end -}}
[{{ join ", " $kinds }}]
{{- end -}}

{{- /* Their resources, as CEL writes the entries of a map: 'apps/Deployment': 'deployments'. */ -}}
{{- define "driftmend.governedResources" -}}
{{- $kinds := list -}}
{{- range include "driftmend.kinds" . | fromJsonArray -}}
{{- $kinds = append $kinds (printf "'%s/%s': '%s'" .group .kind .plural) -}}
{{- end -}}
{{ join ", " $kinds }}
{{- end -}}

{{- /* Rules of a role on the kinds that values.yaml names: {root, verbs}. */ -}}
{{- define "driftmend.rulesOfKinds" -}}
{{- range include "driftmend.kinds" .root | fromJsonArray }}
{{- if has .kind $.root.Values.kinds }}
- apiGroups: [{{ .group }}]
  resources: [{{ .plural }}]
  verbs: [{{ join ", " $.verbs }}]
{{- end }}
{{- end }}
{{- end -}}

{{- /* Rules of an admission policy on all of them: {root, operations, subresources}. */ -}}
{{- define "driftmend.matchKinds" -}}
{{- range include "driftmend.kinds" .root | fromJsonArray }}
- apiGroups: [{{ .group }}]
  apiVersions: ["*"]
  operations: [{{ join ", " $.operations }}]
  resources: [{{ .plural }}{{ if $.subresources }}, {{ .plural }}/*{{ end }}]
{{- end }}
{{- end -}}

{{- /* What holds of every write on an object of a syncing tool: {root, kind, plural, namespaces}. */ -}}
{{- define "driftmend.fenceValidations" -}}
- expression: request.operation == 'UPDATE'
  reason: Forbidden
  message: >-
    driftmend never creates or deletes {{ if eq .kind "Application" }}an{{ else }}a{{ end }} {{ .kind }}, not even in a dry run; if you see this, the controller is at
    fault or its token is in other hands
- expression: "!has(request.subResource) || request.subResource == ''"
  reason: Forbidden
  message: driftmend writes no subresource of {{ if eq .kind "Application" }}an{{ else }}a{{ end }} {{ .kind }}
{{- if not .namespaces }}
- expression: "false"
  reason: Forbidden
  message: >-
    driftmend was not given the right to write {{ .kind }}s; list their namespaces in the chart's heal.{{ .plural }}.namespaces in mode
    heal, or heal with your own rights: driftmend heal NAME --plan HASH
{{- else }}
- expression: request.namespace in {{ include "driftmend.celList" .namespaces }}
  reason: Forbidden
  message: >-
    driftmend may not write {{ .kind }}s in this namespace; list it in the chart's heal.{{ .plural }}.namespaces, or heal with your
    own rights: driftmend heal NAME --plan HASH
- expression: >-
    has(request.options) && has(request.options.fieldManager) && request.options.fieldManager == 'driftmend-heal'
  reason: Forbidden
  message: >-
    driftmend writes {{ if eq .kind "Application" }}an{{ else }}a{{ end }} {{ .kind }} only under the field manager driftmend-heal, so that a heal can be told from every other write
{{- end }}
{{- end -}}

{{- /* Where people read docs/runbooks: as told, else below the project's home where the chart names one; else nowhere. */ -}}
{{- define "driftmend.runbooks" -}}
{{- with .Values.prometheusRule.runbookBaseURL -}}
{{- trimSuffix "/" . -}}
{{- else -}}
{{- with default (first (default (list) .Chart.Sources)) .Chart.Home -}}
{{- printf "%s/blob/main/docs/runbooks" (trimSuffix "/" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

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
{{- if and (eq .Values.mode "heal") (empty .Values.heal.namespaces) -}}
{{- fail "mode is heal, but heal.namespaces is empty: list each namespace in which driftmend may patch Deployments (there is no \"all\"), or choose mode confirm" -}}
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
    && variables.before.metadata.?managedFields.orValue([]).filter(entry, entry.operation == 'Apply')
    == variables.after.metadata.?managedFields.orValue([]).filter(entry, entry.operation == 'Apply')
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

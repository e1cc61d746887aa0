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
{{- end -}}

{{- /* Argo CD applies wave -1 before the roles and the Deployment; Helm has no such order, see admission-fence.yaml. */ -}}
{{- define "driftmend.policyAnnotations" -}}
argocd.argoproj.io/sync-wave: "-1"
{{- end -}}

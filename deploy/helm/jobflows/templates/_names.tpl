{{/* Names and labels. What lives in no namespace carries the release's, so that two never meet. */}}

{{- define "jobflows.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "jobflows.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "jobflows.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "jobflows.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "jobflows.operator" -}}
{{ include "jobflows.fullname" . }}-operator
{{- end }}

{{- define "jobflows.clusterwide" -}}
{{ .Release.Namespace }}-{{ include "jobflows.fullname" . }}
{{- end }}

{{- define "jobflows.webhook" -}}
{{ include "jobflows.fullname" . }}-webhook
{{- end }}

{{- define "jobflows.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "jobflows.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the account that exists, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "jobflows.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ $tag }}
{{- end -}}
{{- end }}

{{- define "jobflows.selector" -}}
app.kubernetes.io/name: {{ include "jobflows.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "jobflows.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "jobflows.selector" . }}
app.kubernetes.io/part-of: jobflow
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

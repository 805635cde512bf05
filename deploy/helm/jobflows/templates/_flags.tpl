{{/* The operator's command line: `operator.someName: x` becomes `--some-name=x`. */}}

{{- define "jobflows.flags" -}}
- --metrics-addr=:{{ .Values.metrics.port }}
{{- with .Values.watchNamespace }}
- --watch-namespace={{ . }}
{{- end }}
{{- with .Values.webhook }}
{{- if .enabled }}
- --webhook-port={{ .port }}
- --authorize-users={{ .authorizeUsers }}
{{- if eq .certificates "selfManaged" }}
- --webhook-self-managed={{ include "jobflows.clusterwide" $ }}
- --webhook-service={{ include "jobflows.webhook" $ }}.{{ $.Release.Namespace }}.svc
{{- else }}
- --webhook-certificates=/certificates
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.operator.leaderElect }}
- --lease-name={{ include "jobflows.operator" . }}
- --lease-namespace={{ .Release.Namespace }}
{{- end }}
{{- range $name, $value := .Values.operator }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- /* JSON writes large numbers in full, where a template would write 1e+06. */}}
- {{ printf "--%s=%s" (kebabcase $name) (kindIs "string" $value | ternary (toString $value) (toJson $value)) | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

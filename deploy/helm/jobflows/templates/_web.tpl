{{/* The pages' container. With SQLite it is one of the recorder's pod, which has the claim. */}}

{{- define "jobflows.sqlite" -}}
sqlite:////archive/archive.db
{{- end }}

{{- define "jobflows.web.container" -}}
{{- $sqlite := empty .Values.recorder.database.url -}}
- name: web
  image: {{ include "jobflows.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [python3, -m, jobflows.web]
  args:
    - --database={{ .Values.recorder.database.url | default (include "jobflows.sqlite" .) }}
    - --port={{ .Values.web.port }}
    {{- if .Values.web.tokenSecret }}
    - --token-file=/token/token
    {{- end }}
    {{- range .Values.web.allowHosts }}
    - --allow-host={{ . }}
    {{- end }}
    {{- if and .Values.web.allowHosts .Values.web.ingress.enabled }}
    - --allow-host={{ .Values.web.ingress.host }}
    {{- end }}
    {{- if .Values.web.login.enabled }}
    - --login
    - --origin={{ .Values.recorder.origin }}
    - --api-server={{ .Values.web.login.apiServer }}
    - --api-server-ca=/cluster/ca.crt
    {{- end }}
    {{- if .Values.web.actions }}
    - --actions
    {{- end }}
  {{- with .Values.recorder.database.passwordSecret }}
  env:
    - name: PGPASSWORD
      valueFrom: { secretKeyRef: { name: {{ . }}, key: password } }
  {{- end }}
  ports:
    - { name: web, containerPort: {{ .Values.web.port }}, protocol: TCP }
  livenessProbe:
    httpGet: { path: /healthz, port: web }
    {{- toYaml .Values.livenessProbe | nindent 4 }}
  readinessProbe:
    httpGet: { path: /healthz, port: web }
    {{- toYaml .Values.readinessProbe | nindent 4 }}
  {{- if or $sqlite .Values.web.tokenSecret .Values.web.login.enabled }}
  volumeMounts:
    {{- if $sqlite }}
    - { name: archive, mountPath: /archive } # who reads SQLite notes that beside the file
    {{- end }}
    {{- if .Values.web.tokenSecret }}
    - { name: token, mountPath: /token, readOnly: true }
    {{- end }}
    {{- if .Values.web.login.enabled }}
    - { name: cluster, mountPath: /cluster, readOnly: true }
    {{- end }}
  {{- end }}
  resources: {{- toYaml .Values.web.resources | nindent 4 }}
  securityContext: {{- toYaml .Values.securityContext | nindent 4 }}
{{- end }}

{{- define "jobflows.web.volumes" -}}
{{- with .Values.web.tokenSecret }}
- name: token
  secret: { secretName: {{ . }}, items: [{ key: token, path: token }] }
{{- end }}
{{- if .Values.web.login.enabled }}
- name: cluster # who the API server is, and nothing to prove who we are
  configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
{{- end }}
{{- end }}

{{- define "curfew.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "curfew.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "curfew.selectorLabels" -}}
app.kubernetes.io/name: {{ include "curfew.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "curfew.labels" -}}
{{ include "curfew.selectorLabels" . }}
app.kubernetes.io/part-of: curfew
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "curfew.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "curfew.fullname" .) }}
{{- end }}

{{/* How the API server calls our account. */}}
{{- define "curfew.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "curfew.serviceAccount" . }}
{{- end }}

{{- define "curfew.policyConfigMap" -}}
{{- .Values.policy.existingConfigMap | default (printf "%s-policy" (include "curfew.fullname" .)) }}
{{- end }}

{{/* The Secret with the pair, whoever writes it. */}}
{{- define "curfew.tlsSecret" -}}
{{- if eq .Values.certs.mode "provided" }}
{{- .Values.certs.provided.secretName }}
{{- else }}
{{- include "curfew.fullname" . }}-tls
{{- end }}
{{- end }}

{{- define "curfew.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Namespaces that curfew leaves alone, as a list in JSON; the same in YAML and in CEL. */}}
{{- define "curfew.protected" -}}
{{- list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace | uniq | toJson }}
{{- end }}

{{/* Annotations of a webhook configuration. */}}
{{- define "curfew.webhookAnnotations" -}}
{{- $all := deepCopy .Values.webhook.annotations }}
{{- if eq .Values.certs.mode "certManager" }}
{{- $_ := set $all "cert-manager.io/inject-ca-from" (printf "%s/%s" .Release.Namespace (include "curfew.fullname" .)) }}
{{- end }}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* How the API server reaches a path of ours. No caBundle where somebody else puts it there. */}}
{{- define "curfew.clientConfig" -}}
{{- $ := index . 0 -}}
clientConfig:
  service:
    name: {{ include "curfew.fullname" $ }}
    namespace: {{ $.Release.Namespace }}
    path: {{ index . 1 }}
    port: 443
  {{- if and (eq $.Values.certs.mode "provided") $.Values.certs.provided.caBundle }}
  caBundle: {{ $.Values.certs.provided.caBundle | b64enc }}
  {{- end }}
{{- end }}

{{/* What every container of ours may not do. */}}
{{- define "curfew.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end }}

{{- define "curfew.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* In CEL, that a map is after an update what it was before, but for some keys. */}}
{{- define "curfew.same" -}}
{{- $after := printf "variables.after.%s" (index . 0) -}}
{{- $before := printf "variables.before.%s" (index . 0) -}}
{{- $keys := printf "['%s']" (join "', '" (index . 1)) -}}
{{ $after }}.all(k, k in {{ $keys }} || k in {{ $before }} && {{ $after }}[k] == {{ $before }}[k])
&& {{ $before }}.all(k, k in {{ $keys }} || k in {{ $after }})
{{- end }}

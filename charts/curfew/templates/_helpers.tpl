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

{{- define "curfew.ownLabels" -}}
{{ include "curfew.selectorLabels" . }}
app.kubernetes.io/part-of: curfew
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "curfew.labels" -}}
{{- merge (include "curfew.ownLabels" . | fromYaml) (.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{- define "curfew.replicas" -}}
{{- kindIs "invalid" .Values.replicaCount | ternary .Values.replicas .Values.replicaCount }}
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

{{/* Where a browser finds the README of the chart: what the values say, or else in the repository that
Chart.yaml names first. Empty where neither names one: a link that leads nowhere helps nobody. */}}
{{- define "curfew.runbook" -}}
{{- if .Values.prometheusRule.runbook -}}
{{- .Values.prometheusRule.runbook -}}
{{- else -}}
{{- with concat (.Chart.Sources | default list) (list .Chart.Home) | compact -}}
{{- first . | trimSuffix "/" | trimSuffix ".git" -}}/blob/HEAD/charts/curfew/README.md
{{- end -}}
{{- end -}}
{{- end }}

{{- define "curfew.podSecurity" -}}
{{- $left := .Values.platformUser | ternary (list "runAsUser" "runAsGroup" "fsGroup") list -}}
{{- $context := dict -}}
{{- range $member, $value := .Values.podSecurityContext -}}
{{- if not (has $member $left) -}}
{{- $_ := set $context $member $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $context -}}
{{- end }}

{{/* In CEL, that a map is after an update what it was before, but for some keys. */}}
{{- define "curfew.same" -}}
{{- $after := printf "variables.after.%s" (index . 0) -}}
{{- $before := printf "variables.before.%s" (index . 0) -}}
{{- $keys := printf "['%s']" (join "', '" (index . 1)) -}}
{{ $after }}.all(k, k in {{ $keys }} || k in {{ $before }} && {{ $after }}[k] == {{ $before }}[k])
&& {{ $before }}.all(k, k in {{ $keys }} || k in {{ $after }})
{{- end }}

{{/* In CEL, that an update leaves labels, annotations, finalizers and owners as they were. */}}
{{- define "curfew.sameMetadata" -}}
variables.after.metadata.?labels == variables.before.metadata.?labels
&& variables.after.metadata.?annotations == variables.before.metadata.?annotations
&& variables.after.metadata.?finalizers == variables.before.metadata.?finalizers
&& variables.after.metadata.?ownerReferences == variables.before.metadata.?ownerReferences
{{- end }}

{{/* Seconds of a duration of the policy: a number, or text such as `1h30m`. */}}
{{- define "curfew.seconds" -}}
{{- $seconds := 0 -}}
{{- if kindIs "string" . -}}
{{- range regexFindAll "[0-9]+[smhdw]" . -1 -}}
{{- $unit := get (dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800) (regexFind "[smhdw]" .) -}}
{{- $seconds = add $seconds (mul (regexFind "[0-9]+" . | atoi) $unit) -}}
{{- end -}}
{{- else -}}
{{- $seconds = int64 . -}}
{{- end -}}
{{- $seconds -}}
{{- end }}

{{/* Milliseconds of a duration in the values: text such as `1m30s`. */}}
{{- define "curfew.milliseconds" -}}
{{- $all := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" . -1 -}}
{{- $unit := get (dict "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0) (regexFind "[a-z]+" .) -}}
{{- $all = addf $all (mulf (regexFind "[0-9.]+" . | float64) $unit) -}}
{{- end -}}
{{- int64 $all -}}
{{- end }}

{{/* Fails where something under `exempt` is no text. Helm reads YAML 1.1, where `yes` is true, and
curfew reads 1.2, where it is a text like others: in CEL it would match nothing. */}}
{{- define "curfew.onlyText" -}}
{{- $name := index . 0 -}}
{{- $path := index . 1 -}}
{{- $value := index . 2 -}}
{{- $reads := "Helm takes yes, no, on, off, y and n for true and false, and curfew does not" -}}
{{- if kindIs "map" $value -}}
{{- range $key, $inner := $value -}}
{{- if has $key (list "true" "false") -}}
{{- fail (printf "policy.files: %s has the key %s in %s. %s: write it under matchExpressions, as a `key` in quotes" $name $key $path $reads) -}}
{{- end -}}
{{- include "curfew.onlyText" (list $name (printf "%s.%s" $path $key) $inner) -}}
{{- end -}}
{{- else if kindIs "slice" $value -}}
{{- range $position, $inner := $value -}}
{{- include "curfew.onlyText" (list $name (printf "%s[%d]" $path $position) $inner) -}}
{{- end -}}
{{- else if not (kindIs "string" $value) -}}
{{- fail (printf "policy.files: %s has %s at %s, where text belongs. %s: quote it" $name (toJson $value) $path $reads) -}}
{{- end -}}
{{- end }}

{{/* The policy as far as the hardening knows it, in JSON: the lists of `exempt` of all files, and in
seconds `hold`, the shortest `limits.hold`. Nobody can read a ConfigMap of somebody else's here: then
nothing is exempt, and there is no `hold`. */}}
{{- define "curfew.kept" -}}
{{- $kept := dict "namespaces" list "namespaceSelectors" list "selectors" list -}}
{{- if not .Values.policy.existingConfigMap -}}
{{- $default := int64 604800 -}}
{{- $hold := int64 2147483647 -}}
{{- range $name, $text := include "curfew.policyFiles" . | fromYaml -}}
{{- $document := fromYaml $text -}}
{{- $spec := get $document "spec" | default dict -}}
{{- $exempt := get $spec "exempt" | default dict -}}
{{- include "curfew.onlyText" (list $name "exempt" $exempt) -}}
{{- $_ := set $kept "namespaces" (concat $kept.namespaces (get $exempt "namespaces" | default list)) -}}
{{- $_ := set $kept "selectors" (concat $kept.selectors (get $exempt "selectors" | default list)) -}}
{{- with get $exempt "namespaceSelector" -}}
{{- $_ := set $kept "namespaceSelectors" (append $kept.namespaceSelectors .) -}}
{{- end -}}
{{- if hasKey (get $spec "limits" | default dict) "hold" -}}
{{- $default = $hold -}}
{{- end -}}
{{- range prepend (get $spec "rules" | default list) $spec -}}
{{- $limits := get . "limits" | default dict -}}
{{- if hasKey $limits "hold" -}}
{{- $hold = min $hold (include "curfew.seconds" $limits.hold) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $kept "hold" (min $hold $default) -}}
{{- end -}}
{{- toJson $kept -}}
{{- end }}

{{/* In CEL, that labels match a selector. The first format gives the optional value of a key; the
second is whether a key that is not there surely is nowhere. */}}
{{- define "curfew.selects" -}}
{{- $selector := index . 0 -}}
{{- $value := index . 1 -}}
{{- $whole := index . 2 -}}
{{- $all := list -}}
{{- range $key, $wanted := get $selector "matchLabels" | default dict -}}
{{- $wanted = kindIs "slice" $wanted | ternary $wanted (list $wanted) -}}
{{- $all = append $all (printf "%s.optMap(v, v in %s).orValue(false)" (replace "KEY" (toJson $key) $value) (toJson $wanted)) -}}
{{- end -}}
{{- range get $selector "matchExpressions" | default list -}}
{{- $of := replace "KEY" (toJson .key) $value -}}
{{- $values := get . "values" | default list | toJson -}}
{{- if eq .operator "In" -}}
{{- $all = append $all (printf "%s.optMap(v, v in %s).orValue(false)" $of $values) -}}
{{- else if eq .operator "NotIn" -}}
{{- $all = append $all (printf "%s.optMap(v, !(v in %s)).orValue(%s)" $of $values $whole) -}}
{{- else if eq .operator "Exists" -}}
{{- $all = append $all (printf "%s.hasValue()" $of) -}}
{{- else -}}
{{- $all = append $all (printf "(!%s.hasValue() && %s)" $of $whole) -}}
{{- end -}}
{{- end -}}
({{ join " && " $all | default "false" }})
{{- end }}

{{/* In CEL, that the policy exempts an object, as far as the object and its namespace tell. The API
server takes no expression above 100,000 characters: of a policy that exempts so much nothing is said. */}}
{{- define "curfew.exempt" -}}
{{- $kept := include "curfew.kept" . | fromJson -}}
{{- $any := list -}}
{{- with $kept.namespaces -}}
{{- $patterns := list -}}
{{- range . -}}
{{- $patterns = append $patterns (regexQuoteMeta . | replace "\\*" ".*" | replace "\\?" ".") -}}
{{- end -}}
{{- $any = append $any (printf "request.namespace.matches(%s)" (printf "^(%s)$" (join "|" $patterns) | toJson)) -}}
{{- end -}}
{{- range $kept.namespaceSelectors -}}
{{- $any = append $any (include "curfew.selects" (list . "variables.space[?KEY]" "true")) -}}
{{- end -}}
{{- range $kept.selectors -}}
{{- $any = append $any (include "curfew.selects" (list . "variables.upper[?KEY].or(variables.lower[?KEY])" "variables.whole")) -}}
{{- end -}}
{{- $expression := join " || " $any | default "false" -}}
{{ gt (len $expression) 50000 | ternary "false" $expression }}
{{- end }}

{{/* In CEL, that an entry of managedFields is not that of this request. */}}
{{- define "curfew.foreign" -}}
e.manager != 'curfew' || e.operation != 'Update' || e.apiVersion != 'batch/v1'
|| e.?subresource.orValue('') != request.?subResource.orValue('')
{{- end }}

{{/* In CEL, that two entries are the same one, whatever fields it still has. */}}
{{- define "curfew.sameEntry" -}}
a.manager == b.manager && a.operation == b.operation && a.apiVersion == b.apiVersion
&& a.?subresource == b.?subresource && a.?time == b.?time
{{- end }}

{{/* In CEL, that a map has nothing that another one has not, and so on in what it holds. It may have
less as deep as the number says; what lies deeper is the same or all gone. */}}
{{- define "curfew.within" -}}
{{- $inner := index . 0 -}}
{{- $outer := index . 1 -}}
{{- $depth := index . 2 -}}
{{- $key := printf "k%d" $depth -}}
{{- $below := "" -}}
{{- if gt $depth 1 -}}
{{- $of := list (printf "%s[%s]" $inner $key) (printf "%s[%s]" $outer $key) (sub $depth 1 | int) -}}
{{- $below = printf " || %s" (include "curfew.within" $of) -}}
{{- end -}}
{{ $inner }}.all({{ $key }}, {{ $key }} in {{ $outer }} && ({{ $inner }}[{{ $key }}] == {{ $outer }}[{{ $key }}]{{ $below }}))
{{- end }}

{{/* In CEL, that an entry of others may be gone: all that it had was for curfew to write, the API
server no longer knows its version, or it was put together with others, of which there are ten. */}}
{{- define "curfew.takenOver" -}}
b.apiVersion != 'batch/v1'
|| variables.others.filter(e, e.operation == 'Update').size() >= 10 && b.operation == 'Update'
|| b.fieldsV1.all(k, b.fieldsV1[k].all(f, f in ['.', 'f:ttlSecondsAfterFinished',
'f:successfulJobsHistoryLimit', 'f:failedJobsHistoryLimit', 'f:jobTemplate', 'f:active', 'f:lastScheduleTime',
'f:lastSuccessfulTime']
|| f == 'f:annotations' && b.fieldsV1[k][f].all(g, g in ['.', 'f:curfew.dev/applied'])))
{{- end }}

{{/* In CEL, that no TTL is set, or none that is shorter than before. */}}
{{- define "curfew.noShorter" -}}
variables.after.{{ . }}.optMap(a, variables.before.{{ . }}.optMap(b, a >= b).orValue(false)).orValue(true)
{{- end }}

{{/* Dates as RFC 3339 has them, leap days too, which CEL reads without an error. */}}
{{- define "curfew.date" -}}
'^([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'
{{- end }}

{{/* Values that are fine each by itself and not together. */}}
{{- define "curfew.contradictions" -}}
{{- $values := .Values }}
{{- $webhookOnly := not $values.cluster.enabled }}
{{- if and $webhookOnly (eq $values.certs.mode "self") }}
{{- fail "certs.mode=self needs cluster.enabled=true: curfew keeps its certificate in a Secret. Set certs.mode to certManager or provided, or cluster.enabled to true" }}
{{- end }}
{{- range list "delete" "create" "namespaces" }}
{{- if and $webhookOnly (get $values.rbac .) }}
{{- fail (printf "rbac.%s and cluster.enabled=false contradict each other: without a cluster curfew has no rights. Leave rbac.%s as it is, or set cluster.enabled to true" . .) }}
{{- end }}
{{- end }}
{{- if eq $values.certs.mode "provided" }}
{{- if not $values.certs.provided.secretName }}
{{- fail "certs.mode=provided needs certs.provided.secretName: the Secret with tls.crt and tls.key" }}
{{- end }}
{{- if not (or $values.certs.provided.caBundle $values.webhook.annotations) }}
{{- fail "certs.mode=provided needs certs.provided.caBundle, or the API server trusts nobody. Where something else puts it into the webhooks, say so by webhook.annotations" }}
{{- end }}
{{- else if or $values.certs.provided.secretName $values.certs.provided.caBundle }}
{{- fail (printf "certs.provided is set and certs.mode is %s. Set certs.mode to provided, or leave certs.provided empty" $values.certs.mode) }}
{{- end }}
{{- if and $values.certs.certManager.issuerRef (ne $values.certs.mode "certManager") }}
{{- fail (printf "certs.certManager.issuerRef is set and certs.mode is %s. Set certs.mode to certManager, or leave issuerRef empty" $values.certs.mode) }}
{{- end }}
{{- if and $values.hardening.own (not (and $values.rbac.create $values.rbac.delete)) }}
{{- fail "hardening.own needs rbac.create=true and rbac.delete=true: without these rights the scheduler's Own starts nothing" }}
{{- end }}
{{- if and $values.hardening.own $values.rbac.namespaces }}
{{- fail "hardening.own and rbac.namespaces contradict each other: Own starts the CronJobs of all namespaces or of none" }}
{{- end }}
{{- if and $values.scheduler.forceOwn (not $values.rbac.create) }}
{{- fail "scheduler.forceOwn needs rbac.create=true: there is nothing to force without the right to create Jobs" }}
{{- end }}
{{- if and (not $values.serviceAccount.create) (not $values.serviceAccount.name) }}
{{- fail "serviceAccount.create=false needs serviceAccount.name: the namespace's default account must not be given rights" }}
{{- end }}
{{- if eq (int $values.ports.https) (int $values.ports.admin) }}
{{- fail (printf "ports.https and ports.admin are both %d: they need a port each" (int $values.ports.https)) }}
{{- end }}
{{- if and $values.hostNetwork (eq (int $values.ports.https) 10250) }}
{{- fail "hostNetwork=true needs another ports.https than 10250, which is the kubelet's on every node" }}
{{- end }}
{{- if not $values.policy.existingConfigMap }}
{{- $files := include "curfew.policyFiles" . | fromYaml }}
{{- if not $files }}
{{- fail "there is no policy: policy.files is empty and policy.existingConfigMap is not set" }}
{{- end }}
{{- range $name, $text := $files }}
{{- $document := fromYaml $text }}
{{- $own := eq "Own" (dig "spec" "scheduler" "mode" "" $document | toString) }}
{{- if and $own $values.rbac.namespaces }}
{{- fail (printf "policy.files: %s says scheduler.mode: Own, and rbac.namespaces is set: Own starts the CronJobs of all namespaces or of none. Leave rbac.namespaces empty, or set scheduler.mode to Backstop" $name) }}
{{- end }}
{{- if and $own $values.hardening.enabled (not $values.hardening.own) }}
{{- fail (printf "policy.files: %s says scheduler.mode: Own, and hardening.own is false: the API server would refuse what Own does. Set hardening.own, rbac.create and rbac.delete to true" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* File names and texts; what a later value file removed with null is not there. */}}
{{- define "curfew.policyFiles" -}}
{{- range $name, $document := .Values.policy.files }}
{{- if kindIs "string" $document }}
{{ $name | quote }}: |
  {{- $document | nindent 2 }}
{{- else if $document }}
{{ $name | quote }}: |
  {{- toYaml $document | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

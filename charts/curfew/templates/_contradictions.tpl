{{/* Values that are fine each by itself and not together. */}}
{{- define "curfew.contradictions" -}}
{{- $values := .Values }}
{{- $webhookOnly := not $values.cluster.enabled }}
{{- if not $values.strategy }}
{{- fail "strategy is missing, as in an upgrade by --reuse-values from an older chart: then no value is there that is new since, such as securityContext. Say --reset-then-reuse-values in its place; strategy itself cannot be null" }}
{{- end }}
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
{{- if $values.platformUser }}
{{- range list "runAsUser" "runAsGroup" "fsGroup" }}
{{- $member := . }}
{{- range $name := list "podSecurityContext" "securityContext" }}
{{- $context := get $values $name | default dict }}
{{- $chosen := hasKey $context $member | ternary (get $context $member) nil | toString }}
{{- if not (or (eq $chosen "<nil>") (and (eq $name "podSecurityContext") (eq $chosen "65532"))) }}
{{- fail (printf "platformUser=true leaves the user to the platform, and %s.%s is %s. Set platformUser to false, or leave %s out of your values" $name $member $chosen $member) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $values.strategy.type "RollingUpdate" }}
{{- $numbers := $values.strategy.rollingUpdate | default dict }}
{{- if and (hasKey $numbers "maxSurge") (hasKey $numbers "maxUnavailable") (has (toString $numbers.maxSurge) (list "0" "0%")) (has (toString $numbers.maxUnavailable) (list "0" "0%")) }}
{{- fail "strategy.rollingUpdate has 0 for maxSurge and for maxUnavailable: no Pod could come before one goes, and none go before one comes. Set one of them to 1" }}
{{- end }}
{{- end }}
{{- with $values.podDisruptionBudget }}
{{- if not (or (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable)) }}
{{- fail (printf "podDisruptionBudget has minAvailable (%v) and maxUnavailable (%v): Kubernetes takes one of them. Leave one out, or set it to null" .minAvailable .maxUnavailable) }}
{{- end }}
{{- end }}
{{- with $values.serviceMonitor }}
{{- if and .scrapeTimeout (gt (include "curfew.milliseconds" .scrapeTimeout | int64) (include "curfew.milliseconds" .interval | int64)) }}
{{- fail (printf "serviceMonitor.scrapeTimeout is %s and interval is %s: Prometheus takes no scrape that is longer than its interval. Set scrapeTimeout to %s or less" .scrapeTimeout .interval .interval) }}
{{- end }}
{{- end }}
{{- $volumes := list "policy" "tls" }}
{{- range $position, $volume := $values.extraVolumes }}
{{- if has $volume.name $volumes }}
{{- fail (printf "extraVolumes[%d] is named %s, as another volume of the Pods is. Give it another name; the chart's own are policy and tls" $position $volume.name) }}
{{- end }}
{{- $volumes = append $volumes $volume.name }}
{{- end }}
{{- range $position, $mount := $values.extraVolumeMounts }}
{{- if not (has $mount.name (slice $volumes 2)) }}
{{- fail (printf "extraVolumeMounts[%d] mounts %s, and extraVolumes has no volume of that name. Add it there, or mount one of those" $position $mount.name) }}
{{- end }}
{{- if regexMatch "^/etc/curfew/(policy|tls)(/|$)" $mount.mountPath }}
{{- fail (printf "extraVolumeMounts[%d] has the mountPath %s, and the chart mounts the policy and the certificate there. Choose a path outside of /etc/curfew/policy and /etc/curfew/tls; files of the policy go into policy.files" $position $mount.mountPath) }}
{{- end }}
{{- end }}
{{- $drain := include "curfew.milliseconds" $values.drainDelay | int64 }}
{{- if ge $drain (mul 1000 $values.terminationGracePeriodSeconds) }}
{{- fail (printf "drainDelay is %s and terminationGracePeriodSeconds is %d: the kubelet would kill a Pod while it still serves. Set terminationGracePeriodSeconds to %d, or drainDelay to less" $values.drainDelay (int $values.terminationGracePeriodSeconds) (add 15 (ceil (divf $drain 1000)))) }}
{{- end }}
{{- if eq $values.certs.mode "certManager" }}
{{- with $values.certs.certManager }}
{{- if ge (include "curfew.milliseconds" .renewBefore | int64) (include "curfew.milliseconds" .duration | int64) }}
{{- fail (printf "certs.certManager.renewBefore is %s and duration is %s: the certificate would have to be renewed before it is valid, and cert-manager refuses it. Set renewBefore to a third of duration, or duration to more" .renewBefore .duration) }}
{{- end }}
{{- end }}
{{- end }}
{{- $conditions := include "curfew.ownConditions" . | fromJsonArray }}
{{- range $position, $condition := $values.webhook.matchConditions }}
{{- if has $condition.name $conditions }}
{{- fail (printf "webhook.matchConditions[%d] is named %s, as another condition of the webhook is: the API server takes a name once. Give it another name; the chart's own are %s" $position $condition.name (include "curfew.ownConditions" $ | fromJsonArray | join ", ")) }}
{{- end }}
{{- $conditions = append $conditions $condition.name }}
{{- end }}
{{- if $values.policy.existingConfigMap }}
{{- $files := dict }}
{{- range $name, $document := $values.policy.files }}
{{- if $document }}
{{- $_ := set $files $name $document }}
{{- end }}
{{- end }}
{{- if and $files (ne (toJson $files | sha256sum) (include "curfew.defaultPolicy" .)) }}
{{- fail (printf "policy.existingConfigMap is %s, and policy.files is set as well (%s): curfew would read the ConfigMap, and nothing of these files. Put them into that ConfigMap and take policy.files out of your values, or leave existingConfigMap empty" $values.policy.existingConfigMap (keys $files | sortAlpha | join ", ")) }}
{{- end }}
{{- else }}
{{- $files := include "curfew.policyFiles" . | fromYaml }}
{{- if not $files }}
{{- fail "there is no policy: policy.files is empty and policy.existingConfigMap is not set" }}
{{- end }}
{{- with get $files "Error" }}
{{- fail (printf "policy.files: Helm cannot put the files into a ConfigMap: %s. Begin each text in its first line, without blanks before it" .) }}
{{- end }}
{{- $first := "" }}
{{- $firstName := "" }}
{{- range $name, $text := $files }}
{{- $document := include "curfew.policyFile" (list $name $text) | fromYaml }}
{{- if not $first }}
{{- $first = $name }}
{{- $firstName = $document.metadata.name }}
{{- else if ne $document.metadata.name $firstName }}
{{- fail (printf "policy.files: %s has metadata.name %s, and %s has %s: all files are one policy, and curfew does not load two. Give all of them the same metadata.name, or take one out: --set 'policy.files.%s=null'" $name $document.metadata.name $first $firstName ($name | replace "." "\\.")) }}
{{- end }}
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

{{/* The text of a policy file, if it is one: as far as Helm can see, what `curfew check` says. */}}
{{- define "curfew.policyFile" -}}
{{- $name := index . 0 }}
{{- $text := index . 1 }}
{{- $begin := "A policy begins with `apiVersion: curfew.dev/v1alpha1` and `kind: JobPolicy`" }}
{{- $mend := printf "Mend it, or take it out: --set 'policy.files.%s=null'" ($name | replace "." "\\.") }}
{{- if not (regexMatch "\\.ya?ml$" $name) }}
{{- fail (printf "policy.files: %s ends neither in .yaml nor in .yml, and so curfew would not read it. Rename it if it is a policy. If not, take it out: --set 'policy.files.%s=null'" $name ($name | replace "." "\\.")) }}
{{- end }}
{{- if regexMatch "-test\\.ya?ml$" $name }}
{{- fail (printf "policy.files: %s ends in -test.yaml, as the tests of a policy do, and so curfew would not read it. Rename it if it is a policy. If not, take it out: --set 'policy.files.%s=null'" $name ($name | replace "." "\\.")) }}
{{- end }}
{{- $document := fromYaml $text }}
{{- with get $document "Error" }}
{{- fail (printf "policy.files: Helm cannot read %s, and so cannot tell whether it is a policy: %s. %s. `curfew check` says more. %s" $name . $begin $mend) }}
{{- end }}
{{- range $member, $wanted := dict "apiVersion" "curfew.dev/v1alpha1" "kind" "JobPolicy" }}
{{- $found := get $document $member | default "missing" | toString }}
{{- if ne $found $wanted }}
{{- fail (printf "policy.files: %s is no policy, as its %s is %s. %s. %s" $name $member $found $begin $mend) }}
{{- end }}
{{- end }}
{{- $metadata := get $document "metadata" }}
{{- if not (and (kindIs "map" $metadata) (kindIs "string" (get $metadata "name")) (get $metadata "name")) }}
{{- fail (printf "policy.files: %s has no text as metadata.name. Write `metadata: {name: default}`, with the same name in all files. Quote a name that is a number, or that Helm reads as true or false, such as yes" $name) }}
{{- end }}
{{- $text }}
{{- end }}

{{/* The checksum of `policy.files` in values.yaml: Helm does not tell which values are the chart's own.
A test says what it has to be. */}}
{{- define "curfew.defaultPolicy" -}}
3cc23a726e169551bae731823fdfcbae45e2887c3b5baf6cc7c0390ec1bf732b
{{- end }}

{{/* Names of the conditions that both webhooks have, whatever the values say. */}}
{{- define "curfew.ownConditions" -}}
{{- list "not-being-deleted" "not-our-own-update" "changed" | toJson }}
{{- end }}

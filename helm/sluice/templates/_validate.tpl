{{/* What cannot work fails the rendering, with all reasons at once. What the schema can say alone stands there. */}}

{{- define "sluice.validate" -}}
{{- $reasons := concat
      (include "sluice.wrongConfig" . | fromJsonArray)
      (include "sluice.wrongScalars" (dict "at" "config" "value" .Values.config) | fromJsonArray)
      (include "sluice.wrongConnections" . | fromJsonArray)
      (include "sluice.wrongReplicas" . | fromJsonArray)
      (include "sluice.wrongListener" . | fromJsonArray)
      (include "sluice.wrongBounds" . | fromJsonArray)
      (include "sluice.wrongUser" . | fromJsonArray)
      (include "sluice.wrongObjects" . | fromJsonArray) -}}
{{- if $reasons -}}
{{- fail (printf "\n\nThe values cannot work:\n- %s\n" (join "\n- " $reasons)) -}}
{{- end -}}
{{- end -}}

{{- define "sluice.wrongConfig" -}}
{{- $wrong := list -}}
{{- $config := .Values.config -}}
{{- if not $config.connections -}}
{{- $wrong = append $wrong "config.connections names no broker; set config.connections.NAME.server" -}}
{{- end -}}
{{- if not $config.routes -}}
{{- $wrong = append $wrong "config.routes is empty, so nothing would be taken in; add a route with from.path and to.path" -}}
{{- end -}}
{{- $owned := list
      (list "workers" "listen" "workers.port and listenAddress")
      (list "workers" "tls" "workers.tls")
      (list "workers" "insecure" "workers.insecure")
      (list "workers" "auth" "workers.auth")
      (list "http" "listen" "http.port and listenAddress")
      (list "journal" "path" "persistence; the journal is always in /var/lib/sluice")
      (list "pressure" "replicas" "replicaCount or autoscaling") -}}
{{- range $owned -}}
{{- if hasKey (get $config (index . 0) | default dict) (index . 1) -}}
{{- $wrong = append $wrong (printf "config.%s.%s is set by the chart; set %s instead" (index . 0) (index . 1) (index . 2)) -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/* Keys of the gateway that hold a duration, in lower case; maxReconnectInterval takes a plain number. */}}
{{- define "sluice.durations" -}}
sessionexpiry keepalive connecttimeout lease maxlease retrybackoff maxretrybackoff resulttimeout maxage heartbeat
maxstreamage handshaketimeout leaveshareafter noworkersafter drain fsyncinterval templatechainidle clockskew keep
{{- end -}}

{{/* What has the right type and cannot be: (dict "at" PATH "value" VALUE). Looks at all keys, in any case. */}}
{{- define "sluice.wrongScalars" -}}
{{- $wrong := list -}}
{{- $at := .at -}}
{{- $durations := regexSplit "\\s+" (include "sluice.durations" .) -1 -}}
{{- if kindIs "map" .value -}}
  {{- range $key, $value := .value -}}
    {{- $here := printf "%s.%s" $at $key -}}
    {{- if or (kindIs "map" $value) (kindIs "slice" $value) -}}
      {{- $wrong = concat $wrong (include "sluice.wrongScalars" (dict "at" $here "value" $value) | fromJsonArray) -}}
    {{- else if not (kindIs "invalid" $value) -}}
      {{- $text := toString $value -}}
      {{- if and (has (lower $key) $durations) (regexMatch "^[0-9]+$" $text) (ne $text "0") -}}
        {{- $wrong = append $wrong (printf "%s is %s, without a unit; write %ss for seconds" $here $text $text) -}}
      {{- else if and (has (lower $key) (list "qos" "deadletterqos")) (not (regexMatch "^[0-2]$|\\$\\{" $text)) -}}
        {{- $wrong = append $wrong (printf "%s is %s; MQTT has 0, 1 and 2" $here $text) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- range $i, $value := .value -}}
    {{- $wrong = concat $wrong (include "sluice.wrongScalars" (dict "at" (printf "%s[%d]" $at $i) "value" $value) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{- define "sluice.wrongConnections" -}}
{{- $wrong := list -}}
{{- $most := int (include "sluice.most" .) -}}
{{- $connections := .Values.config.connections | default dict -}}
{{- $issuer := .Values.certManager.issuerRef.name -}}
{{- range $name, $connection := $connections -}}
  {{- $password := include "sluice.connectionKey" (dict "connection" $connection "key" "password") -}}
  {{- if and $password (not (regexMatch "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$" $password)) -}}
    {{- $wrong = append $wrong (printf "config.connections.%s.password is a secret in plain text; use brokers.%s.password.existingSecret, or ${NAME} with extraEnv" $name $name) -}}
  {{- end -}}
  {{- /* One, or "[one another]". */ -}}
  {{- $server := include "sluice.connectionKey" (dict "connection" $connection "key" "server") -}}
  {{- if regexMatch "(^|[\\[ ])([a-z]+://)?[^/@ ]*:[^/@ ]*@" $server -}}
    {{- $wrong = append $wrong (printf "config.connections.%s.server holds a password in plain text; use username and brokers.%s.password.existingSecret" $name $name) -}}
  {{- end -}}
  {{- range $key := list "clientId" "repliesClientId" -}}
    {{- $client := include "sluice.connectionKey" (dict "connection" $connection "key" $key) -}}
    {{- if and (gt $most 1) $client (not (regexMatch "\\$\\{(POD_NAME|HOSTNAME)\\}" $client)) -}}
      {{- $wrong = append $wrong (printf "config.connections.%s.%s is the same in %d replicas, and the broker would end one for the other; leave it out, or put ${POD_NAME} into it" $name $key $most) -}}
    {{- end -}}
  {{- end -}}
  {{- $topic := dig "topic" "" (get $connection "status" | default dict) -}}
  {{- if and (gt $most 1) $topic (not (regexMatch "\\$\\{(POD_NAME|HOSTNAME)\\}" $topic)) -}}
    {{- $wrong = append $wrong (printf "config.connections.%s.status.topic is the same in %d replicas, so that one speaks for the others; put ${POD_NAME} into it" $name $most) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $broker := .Values.brokers -}}
  {{- $connection := get $connections $name -}}
  {{- if not (hasKey $connections $name) -}}
    {{- $wrong = append $wrong (printf "brokers.%s is no connection of config.connections" $name) -}}
  {{- else -}}
    {{- $pairs := list (list "password" "passwordFile") (list "password" "password") (list "ca" "caFile") (list "tls" "certFile") (list "tls" "certKeyFile") -}}
    {{- range $pairs -}}
      {{- if and (get $broker (index . 0)) (include "sluice.connectionKey" (dict "connection" $connection "key" (index . 1))) -}}
        {{- $wrong = append $wrong (printf "brokers.%s.%s and config.connections.%s.%s are both set; leave one out" $name (index . 0) $name (index . 1)) -}}
      {{- end -}}
    {{- end -}}
    {{- with $broker.tls -}}
      {{- if and .certManager .existingSecret -}}
        {{- $wrong = append $wrong (printf "brokers.%s.tls has both existingSecret and certManager; leave one out" $name) -}}
      {{- else if not (or .certManager .existingSecret) -}}
        {{- $wrong = append $wrong (printf "brokers.%s.tls has neither existingSecret nor certManager: true" $name) -}}
      {{- else if and .certManager (not $issuer) -}}
        {{- $wrong = append $wrong (printf "brokers.%s.tls.certManager needs certManager.issuerRef.name" $name) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{- define "sluice.wrongReplicas" -}}
{{- $wrong := list -}}
{{- $most := int (include "sluice.most" .) -}}
{{- if gt $most 1 -}}
{{- range $i, $route := .Values.config.routes -}}
  {{- $from := $route.from | default dict -}}
  {{- if not (or $from.share (hasPrefix "$share/" (toString $from.path))) -}}
    {{- $id := $route.id | default $from.path | default (printf "number %d" $i) -}}
    {{- $wrong = append $wrong (printf "route %v has no share, so each of %d replicas would take in every message of it; set from.share, or replicaCount: 1" $id $most) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
  {{- if gt (int .minReplicas) (int .maxReplicas) -}}
    {{- $wrong = append $wrong (printf "autoscaling.minReplicas %v is above autoscaling.maxReplicas %v" .minReplicas .maxReplicas) -}}
  {{- end -}}
  {{- if not (or .targetCPUUtilizationPercentage .metrics) -}}
    {{- $wrong = append $wrong "autoscaling has nothing to go by; set autoscaling.targetCPUUtilizationPercentage or autoscaling.metrics" -}}
  {{- end -}}
  {{- if not $.Values.persistence.enabled -}}
    {{- $wrong = append $wrong "autoscaling without persistence would lose what the journal of a replica that is scaled away still holds; set persistence.enabled: true" -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if .enabled -}}
  {{- $min := not (kindIs "invalid" .minAvailable) -}}
  {{- $max := not (kindIs "invalid" .maxUnavailable) -}}
  {{- if and $min $max -}}
    {{- $wrong = append $wrong "podDisruptionBudget has both minAvailable and maxUnavailable; set the other one to null" -}}
  {{- else if not (or $min $max) -}}
    {{- $wrong = append $wrong "podDisruptionBudget has neither minAvailable nor maxUnavailable" -}}
  {{- else if and $min (or (eq (toString .minAvailable) "100%") (and (not (kindIs "string" .minAvailable)) (ge (int .minAvailable) (int (include "sluice.fewest" $))))) -}}
    {{- $wrong = append $wrong (printf "podDisruptionBudget.minAvailable %v of %s replicas would block every drain of a node" .minAvailable (include "sluice.fewest" $)) -}}
  {{- else if and $max (has (toString .maxUnavailable) (list "0" "0%")) -}}
    {{- $wrong = append $wrong (printf "podDisruptionBudget.maxUnavailable %v would block every drain of a node" .maxUnavailable) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{- define "sluice.wrongListener" -}}
{{- $wrong := list -}}
{{- with .Values.workers -}}
{{- $ways := list -}}
{{- if .insecure -}}{{- $ways = append $ways "workers.insecure" -}}{{- end -}}
{{- if .tls.existingSecret -}}{{- $ways = append $ways "workers.tls.existingSecret" -}}{{- end -}}
{{- if .tls.certManager -}}{{- $ways = append $ways "workers.tls.certManager" -}}{{- end -}}
{{- if not $ways -}}
  {{- $wrong = append $wrong "the listener for workers has no certificate; set workers.tls.existingSecret or workers.tls.certManager, or workers.insecure: true for plain text" -}}
{{- else if gt (len $ways) 1 -}}
  {{- $wrong = append $wrong (printf "only one of %s can be set" (join " and " $ways)) -}}
{{- end -}}
{{- if and .tls.certManager (not $.Values.certManager.issuerRef.name) -}}
  {{- $wrong = append $wrong "workers.tls.certManager needs certManager.issuerRef.name" -}}
{{- end -}}
{{- $tokens := ne .auth.jwt.existingConfigMap "" -}}
{{- if and .auth.certificates (or .insecure (not .tls.requireClientCertificate)) -}}
  {{- $wrong = append $wrong "workers.auth.certificates is for client certificates, and nobody asks for them; set workers.tls.requireClientCertificate: true, or leave it out" -}}
{{- end -}}
{{- if and $tokens .insecure -}}
  {{- $wrong = append $wrong "workers.auth.jwt without TLS would show tokens to whoever listens; set workers.tls instead of workers.insecure" -}}
{{- end -}}
{{- if and $tokens (not .auth.certificates) (not .insecure) .tls.requireClientCertificate -}}
  {{- $wrong = append $wrong "workers.auth.jwt alone, and workers.tls.requireClientCertificate: true asks for certificates besides, which name nobody; set workers.tls.requireClientCertificate: false, or workers.auth.certificates: true" -}}
{{- end -}}
{{- if and (eq .auth.require "all") (not (and .auth.certificates $tokens)) -}}
  {{- $wrong = append $wrong "workers.auth.require: all is for certificates and tokens together; set workers.auth.certificates: true and workers.auth.jwt.existingConfigMap, or require: any" -}}
{{- end -}}
{{- if and .tls.clientCa.existingSecret (or .insecure (not .tls.requireClientCertificate)) -}}
  {{- $wrong = append $wrong "workers.tls.clientCa.existingSecret is for client certificates, and nobody asks for them; set workers.tls.requireClientCertificate: true, or leave it out" -}}
{{- end -}}
{{- if and $tokens (not .auth.jwt.audiences) -}}
  {{- $wrong = append $wrong "workers.auth.jwt.audiences is empty, so no token would be taken; name the audience of the workers' tokens" -}}
{{- end -}}
{{- range $name, $rules := dict "config.permissions" $.Values.config.permissions "workers.permissions.existingConfigMap" .permissions.existingConfigMap -}}
  {{- if and $rules (not (or $.Values.workers.auth.certificates $tokens)) -}}
    {{- $wrong = append $wrong (printf "%s is for workers that say who they are; set workers.auth.certificates or workers.auth.jwt.existingConfigMap" $name) -}}
  {{- end -}}
{{- end -}}
{{- if and .permissions.existingConfigMap (or $.Values.config.permissions $.Values.config.permissionsFile) -}}
  {{- $wrong = append $wrong "workers.permissions.existingConfigMap has the rules; leave config.permissions and config.permissionsFile out" -}}
{{- end -}}
{{- if eq (int .port) (int $.Values.http.port) -}}
  {{- $wrong = append $wrong (printf "workers.port and http.port are both %v" .port) -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{- define "sluice.wrongBounds" -}}
{{- $wrong := list -}}
{{- $config := .Values.config -}}
{{- $drain := dig "shutdown" "drain" "20s" $config -}}
{{- $grace := int64 .Values.terminationGracePeriodSeconds -}}
{{- $millis := include "sluice.millis" $drain | int64 -}}
{{- if gt (add $millis 10000) (mul $grace 1000) -}}
  {{- $wrong = append $wrong (printf "config.shutdown.drain %v is too long for terminationGracePeriodSeconds %d: 10 seconds must lie between them, or SIGKILL ends what SIGTERM began" $drain $grace) -}}
{{- end -}}
{{- $journal := $config.journal | default dict -}}
{{- if and .Values.persistence.enabled (dig "enabled" true $journal) -}}
  {{- $live := include "sluice.bytes" ($journal.maxBytes | default "4GiB") | int64 -}}
  {{- $segment := include "sluice.bytes" ($journal.segmentBytes | default "64MiB") | int64 -}}
  {{- $letters := include "sluice.bytes" (dig "deadLetters" "maxBytes" "1GiB" $config) | int64 -}}
  {{- $size := include "sluice.bytes" .Values.persistence.size | int64 -}}
  {{- $needed := add (mul 2 $live) (mul 4 $segment) $letters -}}
  {{- if and (gt $live -1) (gt $segment -1) (gt $letters -1) (gt $size -1) (lt $size $needed) -}}
    {{- $wrong = append $wrong (printf "persistence.size %v is too small: twice config.journal.maxBytes, four segments and config.deadLetters.maxBytes are %d MiB" .Values.persistence.size (div (add $needed 1048575) 1048576)) -}}
  {{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/* The kubelet would start no container, and say so in the pod's events only. The container's context wins over the pod's. */}}
{{- define "sluice.wrongUser" -}}
{{- $wrong := list -}}
{{- $pod := .Values.podSecurityContext | default dict -}}
{{- $container := .Values.securityContext | default dict -}}
{{- $where := hasKey $container "runAsUser" | ternary "securityContext" "podSecurityContext" -}}
{{- $user := hasKey $container "runAsUser" | ternary $container.runAsUser $pod.runAsUser -}}
{{- $nonRoot := hasKey $container "runAsNonRoot" | ternary $container.runAsNonRoot $pod.runAsNonRoot -}}
{{- if and $nonRoot (not (kindIs "invalid" $user)) (eq (int64 $user) 0) -}}
{{- $wrong = append $wrong (printf "%s.runAsUser 0 is root, and runAsNonRoot: true would start no container; name another user, or null for the image's" $where) -}}
{{- end -}}
{{- $privileged := $container.privileged | default false -}}
{{- if and $privileged (eq (toString (get $container "allowPrivilegeEscalation")) "false") -}}
{{- $wrong = append $wrong "securityContext.privileged: true and allowPrivilegeEscalation: false exclude each other; Kubernetes refuses such a pod" -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{- define "sluice.wrongObjects" -}}
{{- $wrong := list -}}
{{- $fullname := include "sluice.fullname" . -}}
{{- if regexMatch "^[0-9]|\\." $fullname -}}
{{- $wrong = append $wrong (printf "no Service can be called %s: its name begins with a letter and has no '.'; set fullnameOverride" $fullname) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- $wrong = append $wrong "serviceMonitor and podMonitor would both scrape each gateway; enable one" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (ne .Values.service.type "ClusterIP") -}}
{{- $wrong = append $wrong (printf "serviceMonitor needs the metrics' port of the Service, which service.type %s does not have; enable podMonitor instead" .Values.service.type) -}}
{{- end -}}
{{- with .Values.networkPolicy -}}
{{- if and .enabled .egress.enabled (not .egress.brokers) -}}
{{- $wrong = append $wrong "networkPolicy.egress.enabled cuts the gateways off from their brokers; name them in networkPolicy.egress.brokers" -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if and .value (regexMatch "(?i)(PASSWORD|SECRET|TOKEN)" (toString .name)) -}}
{{- $wrong = append $wrong (printf "extraEnv %v is a secret in plain text; use valueFrom.secretKeyRef" .name) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) .Values.serviceAccount.annotations -}}
{{- $wrong = append $wrong "serviceAccount.annotations are for an account that is not created; set serviceAccount.create: true" -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

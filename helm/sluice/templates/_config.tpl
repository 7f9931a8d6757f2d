{{/*
The gateway's configuration: .Values.config, and what follows from the other values. As YAML; (dict "root" $ "replicas" N).
*/}}
{{- define "sluice.config" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $config := deepCopy $values.config -}}

{{- $connections := dict -}}
{{- range $name, $given := $config.connections -}}
  {{- $connection := deepCopy $given -}}
  {{- if not (include "sluice.connectionKey" (dict "connection" $given "key" "clientId")) -}}
    {{- $_ := set $connection "clientId" (printf "${POD_NAMESPACE}-${POD_NAME}-%s" $name) -}}
  {{- end -}}
  {{- with get $values.brokers $name -}}
    {{- $folder := printf "/etc/sluice/secrets/brokers/%s" $name -}}
    {{- if .password -}}{{- $_ := set $connection "passwordFile" (printf "%s/password" $folder) -}}{{- end -}}
    {{- if .ca -}}{{- $_ := set $connection "caFile" (printf "%s/ca.crt" $folder) -}}{{- end -}}
    {{- if .tls -}}
      {{- $_ := set $connection "certFile" (printf "%s/tls.crt" $folder) -}}
      {{- $_ := set $connection "certKeyFile" (printf "%s/tls.key" $folder) -}}
    {{- end -}}
  {{- end -}}
  {{- $_ := set $connections $name $connection -}}
{{- end -}}
{{- $_ := set $config "connections" $connections -}}

{{- $workers := $config.workers | default dict -}}
{{- $_ := set $workers "listen" (printf "%s:%d" $values.listenAddress (int $values.workers.port)) -}}
{{- if include "sluice.workersSecret" $root -}}
  {{- $tls := dict "certFile" "/etc/sluice/secrets/workers/tls.crt" "keyFile" "/etc/sluice/secrets/workers/tls.key" -}}
  {{- if $values.workers.tls.requireClientCertificate -}}
    {{- $_ := set $tls "clientCaFile" "/etc/sluice/secrets/workers/client-ca.crt" -}}
  {{- end -}}
  {{- $_ := set $workers "tls" $tls -}}
{{- else -}}
  {{- $_ := set $workers "insecure" true -}}
{{- end -}}
{{- with $values.workers.auth -}}
{{- $auth := dict -}}
{{- if .certificates -}}{{- $_ := set $auth "certificates" dict -}}{{- end -}}
{{- if .jwt.existingConfigMap -}}
  {{- $issuer := dict "issuer" .jwt.issuer "audiences" .jwt.audiences "jwksFile" "/etc/sluice/secrets/workers/jwks.json" -}}
  {{- $_ := set $auth "jwt" (list $issuer) -}}
{{- end -}}
{{- if eq .require "all" -}}{{- $_ := set $auth "require" "all" -}}{{- end -}}
{{- if $auth -}}{{- $_ := set $workers "auth" $auth -}}{{- end -}}
{{- end -}}
{{- $_ := set $config "workers" $workers -}}
{{- if $values.workers.permissions.existingConfigMap -}}
  {{- $_ := set $config "permissionsFile" "/etc/sluice/secrets/workers/permissions.yaml" -}}
{{- end -}}

{{- $http := $config.http | default dict -}}
{{- $_ := set $http "listen" (printf "%s:%d" $values.listenAddress (int $values.http.port)) -}}
{{- $_ := set $config "http" $http -}}

{{- $journal := $config.journal | default dict -}}
{{- $_ := set $journal "path" "/var/lib/sluice" -}}
{{- $_ := set $config "journal" $journal -}}

{{- /* Without a journal the gateway has no place of its own for sluicectl's socket. */ -}}
{{- if and (not (dig "enabled" true $journal)) (not (hasKey ($config.admin | default dict) "listen")) -}}
  {{- $_ := set $config "admin" (merge (dict "listen" "unix:/var/lib/sluice/admin.sock") ($config.admin | default dict)) -}}
{{- end -}}

{{- $pressure := $config.pressure | default dict -}}
{{- $_ := set $pressure "replicas" .replicas -}}
{{- $_ := set $config "pressure" $pressure -}}
{{- toYaml $config -}}
{{- end -}}

{{/* A key of a connection in any case, as the gateway reads it: its value, or nothing. */}}
{{- define "sluice.connectionKey" -}}
{{- $key := .key -}}
{{- range $name, $value := .connection -}}
{{- if and (eq (lower $name) (lower $key)) (not (kindIs "invalid" $value)) -}}{{ toString $value }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What follows the port of a probe where config.http.tls makes it HTTPS; empty: it is HTTP. */}}
{{- define "sluice.probeScheme" -}}
{{- if (.Values.config.http | default dict).tls -}}, scheme: HTTPS{{- end -}}
{{- end -}}

{{/*
What tells one configuration from another. The gateway asks only whether there are others (pressure.replicas), so going from
3 replicas to 5 restarts none.
*/}}
{{- define "sluice.configChecksum" -}}
{{- $replicas := min 2 (int (include "sluice.fewest" .)) -}}
{{- $config := include "sluice.config" (dict "root" . "replicas" $replicas) -}}
{{- if eq .Values.reload "watch" -}}
{{- /* What the gateways take while they run rolls nothing (docs/operations.md, Changing the configuration). */ -}}
{{- $rest := omit (fromYaml $config) "connections" "routes" "chains" "chainDefaults" "deadLetters" "pressure" "shutdown" -}}
{{- $replies := omit ($rest.replies | default dict) "allow" "allowLoops" "maxPayloadBytes" "allowControlCharacters" -}}
{{- $log := omit ($rest.log | default dict) "level" -}}
{{- merge (dict "replies" $replies "log" $log) (omit $rest "replies" "log") | toYaml | sha256sum -}}
{{- else -}}
{{- $config | sha256sum -}}
{{- end -}}
{{- end -}}

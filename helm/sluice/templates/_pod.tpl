{{/* What stands beside the containers of a pod. */}}
{{- define "sluice.podSettings" -}}
serviceAccountName: {{ include "sluice.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" "dnsConfig" "hostAliases" }}
{{- with get $.Values $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- with include "sluice.spread" . | fromYamlArray }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "sluice.spread" -}}
{{- $mine := include "sluice.selectorLabels" . | fromYaml -}}
{{- $_ := set $mine "app.kubernetes.io/component" "gateway" -}}
{{- $selector := dict "matchLabels" $mine -}}
{{- $rules := .Values.topologySpreadConstraints -}}
{{- if kindIs "invalid" $rules -}}
{{- $rules = list
      (dict "maxSkew" 1 "topologyKey" "topology.kubernetes.io/zone" "whenUnsatisfiable" "ScheduleAnyway")
      (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- end -}}
{{- $complete := list -}}
{{- range $rules -}}
{{- $complete = append $complete (hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" $selector)) -}}
{{- end -}}
{{- toYaml $complete -}}
{{- end -}}

{{/* Secrets that are mounted, each key at a place of its own; nothing if there are none. */}}
{{- define "sluice.secretSources" -}}
{{- $sources := list -}}
{{- with include "sluice.workersSecret" . -}}
  {{- $items := list (dict "key" "tls.crt" "path" "workers/tls.crt") (dict "key" "tls.key" "path" "workers/tls.key") -}}
  {{- $sources = append $sources (dict "secret" (dict "name" . "items" $items)) -}}
  {{- with $.Values.workers.tls -}}
    {{- if .requireClientCertificate -}}
      {{- $ca := dict "key" .clientCa.key "path" "workers/client-ca.crt" -}}
      {{- $secret := .clientCa.existingSecret | default (include "sluice.workersSecret" $) -}}
      {{- $sources = append $sources (dict "secret" (dict "name" $secret "items" (list $ca))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- with .Values.workers.auth.jwt -}}
  {{- if .existingConfigMap -}}
    {{- $item := dict "key" .key "path" "workers/jwks.json" -}}
    {{- $sources = append $sources (dict "configMap" (dict "name" .existingConfigMap "items" (list $item))) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.workers.permissions -}}
  {{- if .existingConfigMap -}}
    {{- $item := dict "key" .key "path" "workers/permissions.yaml" -}}
    {{- $sources = append $sources (dict "configMap" (dict "name" .existingConfigMap "items" (list $item))) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $broker := .Values.brokers -}}
  {{- $folder := printf "brokers/%s" $name -}}
  {{- with $broker.password -}}
    {{- $item := dict "key" (.key | default "password") "path" (printf "%s/password" $folder) -}}
    {{- $sources = append $sources (dict "secret" (dict "name" .existingSecret "items" (list $item))) -}}
  {{- end -}}
  {{- with $broker.ca -}}
    {{- $item := dict "key" (.key | default "ca.crt") "path" (printf "%s/ca.crt" $folder) -}}
    {{- $sources = append $sources (dict "secret" (dict "name" .existingSecret "items" (list $item))) -}}
  {{- end -}}
  {{- with $broker.tls -}}
    {{- $items := list (dict "key" "tls.crt" "path" (printf "%s/tls.crt" $folder)) (dict "key" "tls.key" "path" (printf "%s/tls.key" $folder)) -}}
    {{- $secret := include "sluice.brokerSecret" (dict "root" $ "name" $name "tls" .) -}}
    {{- $sources = append $sources (dict "secret" (dict "name" $secret "items" $items)) -}}
  {{- end -}}
{{- end -}}
{{- if $sources -}}{{- toYaml $sources -}}{{- end -}}
{{- end -}}

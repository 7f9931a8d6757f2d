{{/* Names and labels. */}}

{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 41 characters, so that every name made from it, a pod's with its revision included, is a valid one. */}}
{{- define "sluice.fullname" -}}
{{- $name := include "sluice.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 41 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 41 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 41 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name that stands for every replica. */}}
{{- define "sluice.headlessName" -}}
{{- printf "%s-headless" (include "sluice.fullname" .) -}}
{{- end -}}

{{- define "sluice.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sluice.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sluice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluice.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sluice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Secret with the gateway's certificate for workers; empty: plain text. */}}
{{- define "sluice.workersSecret" -}}
{{- with .Values.workers.tls -}}
{{- if .certManager -}}
{{ include "sluice.fullname" $ }}-workers-tls
{{- else -}}
{{ .existingSecret }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Secret with the gateway's certificate for a broker: (dict "root" $ "name" NAME "tls" TLS). */}}
{{- define "sluice.brokerSecret" -}}
{{- if .tls.certManager -}}
{{ include "sluice.fullname" .root }}-{{ .name | lower | replace "_" "-" | replace "." "-" }}-client-tls
{{- else -}}
{{ .tls.existingSecret }}
{{- end -}}
{{- end -}}

{{/* Port of config.admin.listen; empty: a Unix socket, or none. */}}
{{- define "sluice.adminPort" -}}
{{- $listen := dig "admin" "listen" "" .Values.config | toString -}}
{{- if not (hasPrefix "unix:" $listen) -}}{{ regexFind "[0-9]+$" $listen }}{{- end -}}
{{- end -}}

{{/* The port of the dashboard, or nothing. */}}
{{- define "sluice.dashboardPort" -}}
{{- regexFind "[0-9]+$" (dig "admin" "dashboard" "listen" "" .Values.config | toString) -}}
{{- end -}}

{{/* The fewest gateways that there may be. */}}
{{- define "sluice.fewest" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.minReplicas }}{{- else -}}{{ .Values.replicaCount }}{{- end -}}
{{- end -}}

{{/* The most gateways that there may be. */}}
{{- define "sluice.most" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.maxReplicas }}{{- else -}}{{ .Values.replicaCount }}{{- end -}}
{{- end -}}

{{/* The gateway's durations and sizes as numbers. What is not readable is left to the gateway, and counts as -1. */}}

{{/* "1m30s" in milliseconds. */}}
{{- define "sluice.millis" -}}
{{- $text := toString . | trim -}}
{{- if eq $text "0" -}}0
{{- else if regexMatch "^([0-9]+(ms|s|m|h))+$" $text -}}
{{- $sum := int64 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" $text -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $factor := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit -}}
{{- $sum = add $sum (mul (regexFind "^[0-9]+" . | int64) $factor) -}}
{{- end -}}
{{- $sum -}}
{{- else -}}-1
{{- end -}}
{{- end -}}

{{/* "64MiB" or a quantity of Kubernetes, "10Gi", in bytes. */}}
{{- define "sluice.bytes" -}}
{{- $text := toString . | trim -}}
{{- if kindIs "float64" . -}}{{- $text = int64 . | toString -}}{{- end -}}
{{- if regexMatch "^[0-9]+(([kKMGT]i?)?B?)$" $text -}}
{{- $unit := regexFind "[a-zA-Z]*$" $text | trimSuffix "B" | lower -}}
{{- $factor := get (dict "" 1 "k" 1000 "m" 1000000 "g" 1000000000 "t" 1000000000000 "ki" 1024 "mi" 1048576 "gi" 1073741824 "ti" 1099511627776) $unit -}}
{{- mul (regexFind "^[0-9]+" $text | int64) $factor -}}
{{- else -}}-1
{{- end -}}
{{- end -}}

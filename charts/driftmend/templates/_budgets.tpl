{{- /* A quantity of bytes as a whole number. */ -}}
{{- define "driftmend.bytes" -}}
{{- if kindIs "string" . -}}
{{- $factors := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $suffix := regexFind "[A-Za-z]*$" . -}}
{{- if not (hasKey $factors $suffix) -}}
{{- fail (printf "%s is not a quantity of bytes: write it such as 512Mi" .) -}}
{{- end -}}
{{- mulf (trimSuffix $suffix . | float64) (get $factors $suffix) | int64 -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end -}}

{{- /* The sum of the memory is at most the container's limit, and the mirrors fit into their volume; the comments in values.yaml say why. */ -}}
{{- define "driftmend.checkBudgets" -}}
{{- $jq := mul 2 128 1048576 -}}
{{- $sum := add (include "driftmend.bytes" .Values.memory.controller) $jq (include "driftmend.bytes" .Values.git.memory) -}}
{{- with dig "limits" "memory" "" .Values.resources -}}
{{- if gt $sum (include "driftmend.bytes" . | int64) -}}
{{- fail (printf "memory.controller (%v) + jq 2 × 128Mi + git.memory (%v) are more than resources.limits.memory (%v): raise the limit, or lower one of the two" $.Values.memory.controller $.Values.git.memory .) -}}
{{- end -}}
{{- end -}}
{{- if gt (include "driftmend.bytes" .Values.git.disk.total | int64) (include "driftmend.bytes" .Values.cache.sizeLimit | int64) -}}
{{- fail (printf "git.disk.total (%v) is more than cache.sizeLimit (%v): the mirrors would not fit into their volume" .Values.git.disk.total .Values.cache.sizeLimit) -}}
{{- end -}}
{{- end -}}

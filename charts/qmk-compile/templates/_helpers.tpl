{{/* Name of everything in the release: fixed, so that one namespace holds one release. */}}
{{- define "qmk-compile.fullname" -}}
{{- .Values.fullnameOverride | default "qmk-compile" -}}
{{- end }}

{{/* Labels that select pods: they must never change. Call with (dict "root" $ "component" "api"). */}}
{{- define "qmk-compile.selectorLabels" -}}
app.kubernetes.io/name: qmk-compile
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "qmk-compile.labels" -}}
{{ include "qmk-compile.selectorLabels" . }}
app.kubernetes.io/part-of: qmk-compile
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- end }}

{{/*
Image, pull policy of a container. Call with (dict "root" $ "image" "api").
*/}}
{{- define "qmk-compile.image" -}}
image: {{ include "qmk-compile.imageReference" . | quote }}
imagePullPolicy: {{ (get .root.Values.images .image).pullPolicy }}
{{- end }}

{{- define "qmk-compile.imageReference" -}}
{{- (get .root.Values.images .image).reference | required (printf "images.%s.reference is required: the full name of the %s image, for example localhost/qmk-%s:0123456789ab" .image .image .image) -}}
{{- end }}

{{/* Annotation that names the exact image behind a tag. */}}
{{- define "qmk-compile.imageAnnotations" -}}
{{- with (get .root.Values.images .image).digest -}}
qmk.fm/image-digest: {{ . | quote }}
{{- end }}
{{- end }}

{{/*
Digest of the toolchain image. It is part of every build's identity, so a release without one,
or with two that differ, must not start.
*/}}
{{- define "qmk-compile.toolchainDigest" -}}
{{- $image := .Values.images.toolchain -}}
{{- $inReference := regexFind "sha256:[0-9a-f]{64}$" $image.reference -}}
{{- if and $image.digest $inReference (ne $image.digest $inReference) -}}
{{- fail "images.toolchain.digest differs from the digest in images.toolchain.reference" -}}
{{- end -}}
{{- $image.digest | default $inReference | required "images.toolchain.digest is required: it is part of every build's identity" -}}
{{- end }}

{{/* What the restricted Pod Security Standard asks of a pod, and an own group for its volumes. */}}
{{- define "qmk-compile.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "qmk-compile.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Where pods may run, and how important they are. Call with the values of one component. */}}
{{- define "qmk-compile.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "qmk-compile.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* S3: one bucket, embedded or external. */}}
{{- define "qmk-compile.s3.name" -}}
{{ include "qmk-compile.fullname" . }}-s3
{{- end }}

{{- define "qmk-compile.s3.endpointUrl" -}}
{{- if .Values.s3.embedded.enabled -}}
http://{{ include "qmk-compile.s3.name" . }}:8333
{{- else -}}
{{ .Values.s3.external.endpointUrl | required "s3.external.endpointUrl is required when s3.embedded.enabled is false" }}
{{- end -}}
{{- end }}

{{- define "qmk-compile.s3.bucket" -}}
{{- if .Values.s3.embedded.enabled -}}
{{ .Values.s3.embedded.bucket }}
{{- else -}}
{{ .Values.s3.external.bucket }}
{{- end -}}
{{- end }}

{{- define "qmk-compile.s3.region" -}}
{{- if .Values.s3.embedded.enabled -}}
us-east-1
{{- else -}}
{{ .Values.s3.external.region }}
{{- end -}}
{{- end }}

{{- define "qmk-compile.s3.secretName" -}}
{{- if .Values.s3.embedded.enabled -}}
{{ .Values.s3.embedded.existingSecret | default (include "qmk-compile.s3.name" .) }}
{{- else -}}
{{ .Values.s3.external.existingSecret | required "s3.external.existingSecret is required when s3.embedded.enabled is false: a Secret with the keys accessKey and secretKey" }}
{{- end -}}
{{- end }}

{{- define "qmk-compile.s3.env" -}}
- name: S3_ENDPOINT_URL
  value: {{ include "qmk-compile.s3.endpointUrl" . | quote }}
- name: S3_BUCKET
  value: {{ include "qmk-compile.s3.bucket" . | quote }}
- name: S3_REGION
  value: {{ include "qmk-compile.s3.region" . | quote }}
- name: S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "qmk-compile.s3.secretName" . }}
      key: accessKey
- name: S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "qmk-compile.s3.secretName" . }}
      key: secretKey
{{- end }}

{{/* Redis: embedded, external or none; "true" or nothing, as a named template gives text. */}}
{{- define "qmk-compile.redis.name" -}}
{{ include "qmk-compile.fullname" . }}-redis
{{- end }}

{{- define "qmk-compile.redis.embedded" -}}
{{- if and .Values.redis.enabled (not .Values.redis.external.host) -}}
true
{{- end -}}
{{- end }}

{{/* A cache: it keeps nothing on disk and drops what was not asked for longest. */}}
{{- define "qmk-compile.redis.conf" -}}
bind * -::*
requirepass {{ .password }}
maxmemory {{ .maxMemoryMiB }}mb
maxmemory-policy allkeys-lru
save ""
appendonly no
{{ end }}

{{- define "qmk-compile.redis.env" -}}
{{- $external := .Values.redis.external -}}
{{- $secret := ternary $external.existingSecret (include "qmk-compile.redis.name" .) (ne $external.host "") -}}
{{- if .Values.redis.enabled -}}
- name: REDIS_HOST
  value: {{ $external.host | default (include "qmk-compile.redis.name" .) | quote }}
- name: REDIS_PORT
  value: {{ ternary $external.port 6379 (ne $external.host "") | quote }}
{{- with $secret }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: password
{{- end }}
{{- end }}
{{- end }}

{{/*
Variables by name. A value that an older release does not know (helm upgrade --reuse-values) is left
to the program's own default, which is the chart's. Helm reads numbers as floats, which it would
write as 1.048576e+06.
*/}}
{{- define "qmk-compile.variables" }}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ ternary (int64 $value) $value (kindIs "float64" $value) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What a container of the build pod may use, as the operator reads it. */}}
{{- define "qmk-compile.resourcesEnv" -}}
{{- range $kind, $name := dict "cpu" "CPU" "memory" "MEMORY" "ephemeral-storage" "EPHEMERAL_STORAGE" }}
- name: {{ $.prefix }}_{{ $name }}_REQUEST
  value: {{ get $.resources.requests $kind | quote }}
- name: {{ $.prefix }}_{{ $name }}_LIMIT
  value: {{ get $.resources.limits $kind | quote }}
{{- end }}
{{- end }}

{{- define "qmk-compile.operator.env" -}}
- name: QMK_TOOLCHAIN_IMAGE
  value: {{ include "qmk-compile.imageReference" (dict "root" . "image" "toolchain") | quote }}
- name: QMK_TOOLCHAIN_DIGEST
  value: {{ include "qmk-compile.toolchainDigest" . | quote }}
- name: QMK_IMAGE_PULL_POLICY
  value: {{ .Values.images.toolchain.pullPolicy }}
{{- include "qmk-compile.variables" (dict
      "QMK_MAX_RUNNING" .Values.build.maxRunning
      "QMK_INFRA_RETRIES" .Values.build.infraRetries
      "QMK_JOB_TTL_SECONDS" .Values.build.jobTtlSeconds
      "QMK_IMAGE_PULL_SECONDS" .Values.build.imagePullSeconds
      "QMK_WORKERS" .Values.operator.workers
      "QMK_RESYNC_SECONDS" .Values.operator.resyncSeconds
      "QMK_SCRATCH_SIZE_LIMIT" .Values.build.scratchSizeLimit
      "QMK_SCRATCH_IN_MEMORY" .Values.build.scratchInMemory
      "QMK_PRIORITY_CLASS" .Values.build.priorityClassName
      "QMK_TERMINATION_GRACE_SECONDS" .Values.build.terminationGraceSeconds
      "QMK_MAKE_JOBS" .Values.build.makeJobs
      "QMK_FETCH_SECONDS" .Values.build.fetchSeconds
      "QMK_UPLOAD_SECONDS" .Values.build.uploadSeconds
      "QMK_LOG_BYTES" .Values.build.logBytes
      "QMK_SANDBOX" .Values.build.sandbox
      "QMK_RECORDS" .Values.build.records) }}
{{- include "qmk-compile.resourcesEnv" (dict "prefix" "QMK_BUILD" "resources" .Values.build.resources) }}
{{- include "qmk-compile.resourcesEnv" (dict "prefix" "QMK_UPLOAD" "resources" .Values.build.uploadResources) }}
{{- end }}

{{/*
Whether pushes start refreshes: only where pushes are told, and there are CronJobs to start.
*/}}
{{- define "qmk-compile.api.startsRefreshes" -}}
{{- $webhooks := .Values.webhooks | default dict -}}
{{- if and (include "qmk-compile.refresh.channels" . | fromJsonArray) $webhooks.existingSecret -}}
true
{{- else -}}
false
{{- end -}}
{{- end }}

{{- define "qmk-compile.api.env" -}}
{{- $limits := .Values.api.limits | default dict -}}
- name: QMK_TOOLCHAIN_DIGEST
  value: {{ include "qmk-compile.toolchainDigest" . | quote }}
{{- include "qmk-compile.variables" (dict
      "QMK_EXTERNAL_URL" .Values.externalUrl
      "QMK_DEFAULT_CHANNEL" .Values.api.defaultChannel
      "QMK_COMPILE_TIMEOUT_SECONDS" .Values.build.timeoutSeconds
      "QMK_COMPILE_JOB_TTL_SECONDS" .Values.build.ttlSecondsAfterFinished
      "QMK_TRUSTED_PROXIES" .Values.api.trustedProxies
      "QMK_BODY_BYTES_MAX" .Values.api.bodyBytesMax
      "QMK_DRAIN_SECONDS" .Values.api.drainSeconds
      "QMK_TERMINATION_GRACE_SECONDS" .Values.api.terminationGracePeriodSeconds
      "QMK_MAX_RUNNING" .Values.build.maxRunning
      "QMK_GITHUB_API_URL" .Values.api.githubApiUrl
      "NUM_WORKERS" .Values.api.workers
      "MAX_REQUESTS" .Values.api.maxRequests
      "MAX_REQUESTS_JITTER" .Values.api.maxRequestsJitter
      "TIMEOUT" .Values.api.workerTimeoutSeconds
      "QMK_COMPILE_RATE" $limits.compileRate
      "QMK_CONVERTER_RATE" $limits.converterRate
      "QMK_QUEUED_PER_CLIENT_MAX" $limits.queuedPerClient
      "QMK_QUEUED_MAX" $limits.queued
      "QMK_CHANNELS" (.Values.channels | default list | toJson)
      "QMK_START_REFRESHES" (include "qmk-compile.api.startsRefreshes" .)
      "QMK_LOG_LEVEL" .Values.api.logLevel) }}
- name: QMK_CLIENT_SALT
  valueFrom:
    secretKeyRef:
      name: {{ include "qmk-compile.fullname" . }}-api
      key: clientSalt
{{- with (.Values.webhooks | default dict).existingSecret }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "GITHUB_WEBHOOK_SECRET" "key" "secret" "optional" false) }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "GITHUB_WEBHOOK_SECRET_PREVIOUS" "key" "previousSecret" "optional" true) }}
{{- end }}
{{- with (.Values.discord | default dict).existingSecret }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "DISCORD_WEBHOOK_URL" "key" "url" "optional" true) }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "DISCORD_WEBHOOK_INFO_URL" "key" "infoUrl" "optional" true) }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "DISCORD_WEBHOOK_WARNING_URL" "key" "warningUrl" "optional" true) }}
{{- include "qmk-compile.secretEnv" (dict "secret" . "name" "DISCORD_WEBHOOK_ERROR_URL" "key" "errorUrl" "optional" true) }}
{{- end }}
{{- end }}

{{- define "qmk-compile.secretEnv" }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
      optional: {{ .optional }}
{{- end }}

{{/*
Channels whose firmware the release publishes itself, as JSON. None where refresh is switched off, and
none where an older release's values (helm upgrade --reuse-values) know nothing of it.
*/}}
{{- define "qmk-compile.refresh.channels" -}}
{{- $refresh := .Values.refresh | default dict -}}
{{- ternary .Values.channels list (eq $refresh.enabled true) | default list | toJson -}}
{{- end }}

{{/*
Name of a channel's CronJob: the channel's own name in it where that can be, and at most the 52
characters that a CronJob's name may have. Call with (dict "root" $ "channel" "master").
*/}}
{{- define "qmk-compile.refresh.cronJobName" -}}
{{- $plain := regexReplaceAll "[^a-z0-9]+" .channel "-" -}}
{{- $name := printf "%s-refresh-%s" (include "qmk-compile.fullname" .root) $plain -}}
{{- if or (ne $plain .channel) (gt (len $name) 52) -}}
{{- $name = printf "%s-%s" ($name | trunc 43 | trimSuffix "-") (sha256sum .channel | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* What all containers of a refresh have. */}}
{{- define "qmk-compile.refresh.container" -}}
resources:
  {{- toYaml .Values.refresh.resources | nindent 2 }}
securityContext:
  {{- include "qmk-compile.securityContext" . | nindent 2 }}
{{- end }}

{{/* How git reaches private repositories. Call with the name of the Secret, or nothing. */}}
{{- define "qmk-compile.refresh.gitEnv" -}}
{{- if . -}}
- name: QMK_GIT_CONFIG
  value: /git/config
{{- end -}}
{{- end }}

{{- define "qmk-compile.refresh.gitMount" -}}
{{- if . -}}
- {name: git, mountPath: /git, readOnly: true}
{{- end -}}
{{- end }}

{{/* Egress of a NetworkPolicy: names and S3. */}}
{{- define "qmk-compile.networkPolicy.dnsAndS3" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- if .Values.s3.embedded.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "qmk-compile.selectorLabels" (dict "root" $ "component" "s3") | nindent 10 }}
  ports:
    - {protocol: TCP, port: 8333}
{{- else }}
{{- if not .Values.s3.external.egress }}
{{- fail "s3.external.egress is required when networkPolicy.enabled is true: where build pods find the S3 server" }}
{{- end }}
{{- range .Values.s3.external.egress }}
- to:
    - ipBlock:
        cidr: {{ .cidr }}
        {{- with .except }}
        except:
          {{- toYaml . | nindent 10 }}
        {{- end }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
{{- end }}
{{- end }}

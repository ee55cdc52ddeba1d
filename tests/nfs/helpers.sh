# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Helpers of the suite: its model, its registry, its mounts, one run of the Job, and what must hold afterwards.

say() { printf '%s\n' "$*"; }
complain() {
  say "  FAILED: $*"
  failures=$((failures + 1))
}

# Not the time of day, which a case changes.
uptime_seconds() { cut -d. -f1 /proc/uptime; }

make_model() {
  mkdir -p "$model/nested"
  head -c 14000123 /dev/urandom >"$model/model-00001-of-00002.safetensors"
  head -c 10000001 /dev/urandom >"$model/model-00002-of-00002.safetensors"
  head -c 5000 /dev/urandom >"$model/nested/tokenizer.model"
  echo '{}' >"$model/config.json"
}

# start_registry RATE: a fresh one, so that what it has served counts from zero.
start_registry() {
  stop_registry
  rm -f /mnt/tmp/endpoints.json
  "$NAI_MOCK" --tls --ca-file /mnt/tmp/ca.pem --endpoints /mnt/tmp/endpoints.json \
    --repo org/model="$model" --rate "$1" --send-buffer 65536 >/mnt/tmp/mock.log 2>&1 &
  registry=$!
  until [ -s /mnt/tmp/endpoints.json ]; do
    kill -0 "$registry" 2>/dev/null || { cat /mnt/tmp/mock.log; exit 1; }
    sleep 0.1
  done
}
stop_registry() {
  [ -z "${registry:-}" ] || { kill "$registry" && wait "$registry"; } 2>/dev/null
  registry=
}
endpoint() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" /mnt/tmp/endpoints.json; }

# Bytes of content that the registry has sent.
served() {
  local address
  address=$(endpoint control)
  address=${address#http://}
  exec 3<>"/dev/tcp/${address%:*}/${address#*:}" || return 1
  printf 'GET /__mock/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  sed -n 's/.*"content_bytes[a-z_]*": *\([0-9]*\).*/\1/p' <&3 | head -1
  exec 3>&-
}
wait_for_served() {
  while [ "$(served)" -lt "$1" ]; do sleep 0.1; done
}

# mount_export EXPORT VERSION DIRECTORY [OPTIONS]
mount_export() {
  local options=vers=$2,proto=tcp,nolock,${4:-hard},timeo=20 path=/$1
  [ "$2" = 3 ] && options=$options,mountproto=tcp path=/mnt/served/$1
  mount -t nfs -o "$options" "$server:$path" "$3" || complain "mount $1 as v$2"
}

# job VOLUME [VARIABLE=VALUE...]: the Job's environment; output in $log. $arguments: a command.
log=/mnt/tmp/log
job() {
  local volume=$1
  shift
  : >/mnt/tmp/termination
  chmod 666 /mnt/tmp/termination
  env -i PROVIDER=hf REPO_ID=org/model OUTPUT_FORMAT=hf OUTPUT_MOUNT="$volume" \
    HF_ENDPOINT="$(endpoint hub)" SSL_CERT_FILE=/mnt/tmp/ca.pem RETRY_DELAY=100ms \
    TERMINATION_MESSAGE_FILE_PATH=/mnt/tmp/termination CHUNK_SIZE=1MiB CONNECTIONS=4 \
    SYNC_INTERVAL=500ms LOCK_DEAD_AFTER=3s PROGRESS_INTERVAL=1s "$@" "$NAI_BINARY" ${arguments:-} >"$log" 2>&1
}

# expect_status STATUS EXPECTED...
expect_status() {
  case " ${*:2} " in *" $1 "*) return ;; esac
  complain "ended with $1 instead of ${*:2}"
  tail -n 12 "$log"
}
# What the server has behind a volume: no client's cache is in between.
behind() {
  case $1 in
    /mnt/v*) echo /mnt/served/plain ;;
    *) echo "/mnt/served/$other" ;;
  esac
}
# Every file that is visible is right; with "complete", all are there.
expect_right() {
  local volume file
  volume=$(behind "$1")
  while read -r file; do
    case $file in '' | *.nfs* | ./.cache/huggingface/* | ./.huggingface/*) continue ;; esac
    cmp -s "$volume/model-files/$file" "$model/$file" || complain "wrong: $file"
  done <<<"$(cd "$volume/model-files" 2>/dev/null && find . -type f)"
  [ "${2:-}" = complete ] || return 0
  diff -rq -x .cache -x .huggingface "$model" "$volume/model-files" || complain "not complete"
}
fresh() { rm -rf "$1"/* "$1"/.nai; }

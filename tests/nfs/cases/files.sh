# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Cases of the suite: what a run does on an NFS volume when nothing goes wrong.

download() {
  start_registry 100M
  job "$1"
  expect_status $? 0
  expect_right "$1" complete
  [ -e "$1/hf_cache" ] && complain "hf_cache is left"
  job "$1"
  expect_status $? 0
}

check() {
  start_registry 100M
  arguments=check job "$1"
  expect_status $? 0
  grep -q "^ok: volume: .* of type nfs" "$log" || complain "no word of NFS: $(cat "$log")"
  [ -z "$(ls -A "$1")" ] || complain "left behind: $(ls -A "$1")"
}

verify() {
  start_registry 100M
  job "$1"
  expect_status $? 0
  # Behind the client's back, and with the time as it was.
  local file stamp
  file=$(behind "$1")/model-files/model-00001-of-00002.safetensors
  stamp=$(stat -c %y "$file")
  printf 'damage' | dd of="$file" bs=1 seek=7000000 conv=notrunc status=none
  touch -d "$stamp" "$file"
  echo 3 >/proc/sys/vm/drop_caches
  arguments=verify job "$1"
  expect_status $? 5
  arguments='verify --repair' job "$1"
  expect_status $? 0
  expect_right "$1" complete
}

# A NIM's profile: killed on the way, resumed, and found by its links.
stage_image() {
  local volume=$1 staging=() cache link
  stop_registry
  printf '%s\n' "$profile:" '  tags: {llm_engine: vllm}' '  workspace:' '    components:' \
    "    - dst: ''" '      src:' '        repo_id: ngc://nim/org/model:v1' '        files:' \
    >/mnt/tmp/manifest.yaml
  (cd "$model" && find . -type f -printf '        - %P\n') >>/mnt/tmp/manifest.yaml
  rm -f /mnt/tmp/endpoints.json
  "$NAI_MOCK" nim --ca-file /mnt/tmp/ca.pem --endpoints /mnt/tmp/endpoints.json \
    --model nim/org/model:v1="$model" --image nim/org/model:1=/mnt/tmp/manifest.yaml \
    --connection-rate 2000000 >/mnt/tmp/mock.log 2>&1 &
  registry=$!
  until [ -s /mnt/tmp/endpoints.json ]; do sleep 0.1; done
  staging=(PROVIDER=nim OUTPUT_FORMAT=nim REPO_ID="$(endpoint registry)/nim/org/model:1"
    NGC_API_KEY=nvapi-right NGC_API_ENDPOINT="$(endpoint api)"
    NGC_AUTH_ENDPOINT="$(endpoint api)" NIM_MODEL_PROFILE="$profile")
  job "$volume" "${staging[@]}" &
  until [ "$(cat "$volume"/hf_cache/work/*.journal 2>/dev/null | grep -c '^w')" -ge 4 ]; do
    sleep 0.1
  done
  kill -9 "$(pgrep -x nai-model-proce)"
  wait $!
  cache=$(behind "$volume")/model-files/ngc/hub/models--nim--org--model
  [ -e "$cache/refs/v1" ] && complain "a reference is there before its files"
  job "$volume" "${staging[@]}"
  expect_status $? 0
  grep -q 'resumed' "$log" || complain "nothing was resumed"
  [ "$(cat "$cache/refs/v1")" = v1 ] || complain "the reference is $(cat "$cache/refs/v1")"
  diff -rq -x .cache -x .huggingface "$model" "$cache/snapshots/v1" || complain "not complete"
  link=$(readlink "$cache/snapshots/v1/nested/tokenizer.model")
  case $link in ../../../blobs/*) ;; *) complain "a link leads to $link" ;; esac
  job "$volume" "${staging[@]}"
  expect_status $? 0
}

squashed() {
  other=squashed
  mount_export squashed "$2" /mnt/other
  download /mnt/other
  [ "$(stat -c %u:%a /mnt/other/model-files/config.json)" = 65534:644 ] ||
    complain "owner and mode $(stat -c %u:%a /mnt/other/model-files/config.json)"
  fresh /mnt/other
  # A directory of root's, where nobody else may write.
  mkdir /mnt/served/squashed/roots
  chmod 755 /mnt/served/squashed/roots
  job /mnt/other/roots
  expect_status $? 6
  grep -q 'Permission denied' /mnt/tmp/termination || complain "$(cat /mnt/tmp/termination)"
  arguments=check job /mnt/other/roots
  expect_status $? 6
  grep -q '^error: volume: .*Permission denied; this process is uid 0 .* belongs to uid 0 .*squashes' \
    "$log" || complain "$(cat "$log")"
  rm -rf /mnt/served/squashed/roots
  umount /mnt/other
}

# A file that somebody still has open when it is removed keeps a name of NFS's own.
silly_rename() {
  start_registry 6M
  job "$1" &
  wait_for_served 6000000
  exec 4<"$(find "$1/hf_cache" -name '*.journal' | head -1)"
  wait $!
  expect_status $? 0
  exec 4<&-
  expect_right "$1" complete
  job "$1"
  expect_status $? 0
}

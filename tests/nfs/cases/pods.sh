# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Cases of the suite: what pods meet on NFS that share a volume, squash root, or cannot be reached.

# Two pods of one model on clients that share neither locks nor caches; one of them is killed in the
# middle of its part of the file that both bring.
two_pods() {
  local small=$model model=/mnt/tmp/shared first second bytes
  mkdir -p "$model"
  head -c 48000011 /dev/urandom >"$model/model.safetensors"
  cp "$small/config.json" "$model"
  start_registry 12M
  pod() { log=/mnt/tmp/log.$2 job "$1" SHARD_COUNT=2 JOB_COMPLETION_INDEX="$2" CONNECTIONS=2; }
  pod /mnt/v42 0 &
  first=$!
  pod /mnt/v3 1 &
  second=$!
  wait_for_served 16000000
  kill -9 "$(pgrep -P "$second")"
  wait "$second"
  [ -e "$(behind /mnt/v42)/.nai/record.json" ] && complain "complete without one of its shards"
  expect_right /mnt/v42
  pod /mnt/v3 1
  log=/mnt/tmp/log.1 expect_status $? 0
  wait "$first"
  log=/mnt/tmp/log.0 expect_status $? 0
  expect_right /mnt/v42 complete
  [ -e "$(behind /mnt/v42)/.nai/record.json" ] || complain "there is no record"
  bytes=$(served)
  [ "$bytes" -le 51000000 ] || complain "$bytes bytes were served for 48 MB"
  pod /mnt/v3 1
  log=/mnt/tmp/log.1 expect_status $? 0
  grep -q 'the volume is complete since' /mnt/tmp/log.1 || complain "a pod does not see the end"
  [ "$(served)" = "$bytes" ] || complain "a complete model was fetched again"
  fresh /mnt/v42
  rm -rf "$model"
}

# The file system of the image is all that there is, and its process is root, whom the export makes
# nobody.
squashed_image() {
  local archive root=/mnt/image blob
  archive=$(dirname "$NAI_BINARY")/../../image/image.tar
  [ -e "$archive" ] || { say "  skipped: no image, scripts/build-image makes it"; return; }
  mkdir -p /mnt/tmp/archive "$root"
  tar -xf "$archive" -C /mnt/tmp/archive
  for blob in /mnt/tmp/archive/blobs/sha256/*; do
    tar -xzf "$blob" -C "$root" 2>/dev/null
  done
  mkdir -p "$root/data" "$root/ca"
  other=squashed
  mount_export squashed "$2" "$root/data"
  start_registry 100M
  cp /mnt/tmp/ca.pem "$root/ca"
  chrooted() {
    env -i PROVIDER=hf REPO_ID=org/model OUTPUT_FORMAT=hf OUTPUT_MOUNT=/data SSL_CERT_FILE=/ca/ca.pem \
      HF_ENDPOINT="$(endpoint hub)" PROGRESS_INTERVAL=1s "$(command -v chroot)" "$root" /nai-model-processor "$@" \
      >"$log" 2>&1
  }
  chrooted check
  expect_status $? 0
  chrooted
  expect_status $? 0
  expect_right "$root/data" complete
  [ "$(stat -c %u "$root/data/model-files/config.json")" = 65534 ] || complain "root is not squashed"
  chrooted verify
  expect_status $? 0
  fresh "$root/data"
  umount "$root/data"
  rm -rf /mnt/tmp/archive "$root"
}

# A hard mount whose server is gone holds every call for ever; who looks for a fault is told so.
check_hanging() {
  local begin
  start_registry 100M
  rpc.nfsd 0
  begin=$(uptime_seconds)
  arguments=check job "$1"
  expect_status $? 6
  [ $(($(uptime_seconds) - begin)) -le 90 ] || complain "it took $(($(uptime_seconds) - begin)) s"
  grep -q "^ok: volume: $1 is on .* of type nfs" "$log" || complain "no word of the mount"
  grep -q "^error: volume: $1 did not answer within 60 s -> check that the volume's server runs" "$log" ||
    complain "$(cat "$log")"
  rpc.nfsd 4
  echo Y >/proc/fs/nfsd/v4_end_grace
  # What hung is done or given up now.
  until [ -z "$(ls -A "$1")" ] || [ $(($(uptime_seconds) - begin)) -gt 150 ]; do
    rmdir "$1"/.nai-check-* 2>/dev/null
  done
}

# SKEW: by how much the server's clock is ahead of ours, in seconds.
check_clock() {
  local words='agrees with the one here'
  [ "${SKEW:-0}" -gt 0 ] && words='is [45]m[0-9]*s ahead of the one here -> set the clocks'
  [ "${SKEW:-0}" -lt 0 ] && words='is [45]m[0-9]*s behind the one here -> set the clocks'
  start_registry 100M
  arguments=check job "$1"
  expect_status $? 0
  grep -q "volume: the clock of the volume's server $words" "$log" || complain "$(grep clock "$log")"
}

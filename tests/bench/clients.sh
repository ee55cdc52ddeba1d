# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by scripts/bench: ours and the peers, each told to bring the files $files (names below
# $base, an URL) to the directory $target. A run's time, memory and the servers' counts go to
# $results, one line each:
#   scenario place client wall cpu rss_kib wire_bytes requests content_bytes server_cpu

# measure CLIENT COMMAND...
measure() {
  local client=$1 status=0
  shift
  reset_counters
  /usr/bin/time -o "$work/time" -f '%e %U %S %M' "$@" >"$work/$client.log" 2>&1 || status=$?
  if [ "$status" != 0 ]; then
    echo "  $client failed with status $status: $(tail -n 1 "$work/$client.log")"
    return 0
  fi
  note "$client" "$(tail -n 1 "$work/time")"
}

# note CLIENT "WALL USER SYS RSS" [SERVER]: without it, what the servers used since the last reset
note() {
  local server=${3:-$(server_seconds)}
  read -r wall user sys rss <<<"$2"
  read -r wire requests <<<"$(counters)"
  awk -v OFS='\t' -v a="$scenario" -v b="$place" -v c="$1" -v w="$wall" -v u="$user" -v s="$sys" \
    -v r="$rss" -v wire="$wire" -v n="$requests" -v size="$size" -v server="$server" \
    'BEGIN { print a, b, c, w, u + s, r, wire, n, size, server }' >>"$results"
  printf '  %-26s %7.2f s  %5.2f core-s/GB  %6.1f MiB\n' "$1" "$wall" \
    "$(awk -v c="$user" -v s="$sys" -v size="$size" 'BEGIN { print (c + s) / size * 1e9 }')" \
    "$(awk -v r="$rss" 'BEGIN { print r / 1024 }')"
}

# The peers make nothing durable; what they left to the page cache is written here.
sync_after() {
  local before
  before=$(tail -n 1 "$work/time")
  /usr/bin/time -o "$work/time" -f '%e %U %S %M' sync
  note_both "$1+sync" "$before"
  echo "$before" >"$work/time"
}

# The peers check nothing; openssl does it for them, with the same SHA instructions as ours, in two
# processes for all files.
verify_after() {
  local before
  before=$(tail -n 1 "$work/time")
  (cd "$target" && find . -type f -print0 | /usr/bin/time -o "$work/time" -f '%e %U %S %M' \
    xargs -0 -P 2 -n $(((${#files[@]} + 1) / 2)) openssl dgst -sha256 >/dev/null)
  note_both "$1+sha256" "$before"
}

# note_both CLIENT TIMES: what TIMES says and what was timed since, as one.
note_both() {
  note "$1" "$(awk '{ w += $1; u += $2; s += $3; r = NR == 1 ? $4 : r } END { print w, u, s, r }' \
    <<<"$2"$'\n'"$(tail -n 1 "$work/time")")"
}

ours() { env -i OUTPUT_MOUNT="$target" REPO_ID=bench/model HF_ENDPOINT="$(endpoint hub)" \
  SSL_CERT_FILE="$work/ca.pem" "$binary"; }
client_ours() { measure ours env -i OUTPUT_MOUNT="$target" REPO_ID=bench/model \
  HF_ENDPOINT="$(endpoint hub)" SSL_CERT_FILE="$work/ca.pem" "$binary"; }
# client_fixed N: ours with that many connections
client_fixed() { measure "ours-$1" env -i OUTPUT_MOUNT="$target" REPO_ID=bench/model \
  HF_ENDPOINT="$(endpoint hub)" SSL_CERT_FILE="$work/ca.pem" CONNECTIONS="$1" "$binary"; }

client_rclone() { measure rclone rclone -q --ca-cert "$work/ca.pem" --multi-thread-streams 4 \
  --transfers 4 copy :http: --http-url "$base/" "$target"; }

url_list() { printf "$base/%s\n" "${files[@]}"; }
client_aria2() {
  url_list | awk '{ name = $0; sub(/.*\//, "", name); print; print "  out=" name }' >"$work/urls"
  measure aria2 aria2c -q --no-conf --ca-certificate="$work/ca.pem" -x16 -s16 -k1M \
    -j "${aria2_files:-2}" --file-allocation=falloc -d "$target" -i "$work/urls"
}
client_curl() {
  url_list | awk -v d="$target" '{ name = $0; sub(/.*\//, "", name)
    print "url = \"" $0 "\"\noutput = \"" d "/" name "\"" }' >"$work/curl.conf"
  measure curl curl -sfL -Z --parallel-max 16 --cacert "$work/ca.pem" -K "$work/curl.conf" \
    "$@"
}
# It takes no certificate for one label or an address; not looking at it can only make it faster.
client_axel() { (cd "$target" && measure axel axel -q -k -n 16 "$base/${files[0]}" -o "$target/${files[0]}"); }
client_hub_js() {
  mkdir -p "$work/npm-cache"
  NODE_EXTRA_CA_CERTS=$work/ca.pem measure huggingface.js node "$npm/snapshot.mjs" \
    "$work/endpoints.json" bench/model "$target"
}

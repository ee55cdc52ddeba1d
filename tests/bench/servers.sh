# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by scripts/bench: the content host (nginx) and the mock registry, and what they count.
# Needs: $work, $source_dir.

readonly k_content_address=127.0.0.1 k_content_name=localhost

make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$k_content_name" \
    -addext "subjectAltName=DNS:$k_content_name" -keyout "$work/key.pem" -out "$work/cert.pem" \
    2>/dev/null
}

nginx_pid= content_port=
start_nginx() {
  local try
  make_certificate
  for try in 1 2 3 4 5; do
    content_port=$(shuf -n 1 -i 20000-60000)
    sed "s,@WORK@,$work,g; s,@ROOT@,$source_dir,g; s,@LISTEN@,$k_content_address:$content_port,g" \
      tests/bench/nginx.conf.in >"$work/nginx.conf"
    nginx -c "$work/nginx.conf" -e "$work/nginx.err" &
    nginx_pid=$!
    for _ in {1..50}; do
      if [ -s "$work/nginx.pid" ]; then return 0; fi
      kill -0 "$nginx_pid" 2>/dev/null || break
      sleep 0.1
    done
  done
  cat "$work/nginx.err"
  return 1
}

content_url() { echo "https://$k_content_name:$content_port"; }

mock_pid=
# start_mock [OPTION]...
start_mock() {
  local ready
  stop_mock
  exec {ready}< <(exec "$mock" --tls --ca-file "$work/mock-ca.pem" \
    --endpoints "$work/endpoints.json" --digest-cache "$work/digests.json" "$@")
  mock_pid=$!
  IFS= read -r -u "$ready" >/dev/null || return 1
  cat "$work/mock-ca.pem" "$work/cert.pem" >"$work/ca.pem"
}

stop_mock() {
  local pid=$mock_pid
  mock_pid=
  [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
}

stop_servers() {
  stop_mock
  [ -z "$nginx_pid" ] || { kill "$nginx_pid" && wait "$nginx_pid"; } 2>/dev/null || true
}

endpoint() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$work/endpoints.json"; }

mock_stat() {
  curl -s "$(endpoint control)/__mock/stats" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | head -n 1
}
mock_requests() {
  curl -s "$(endpoint control)/__mock/stats" |
    awk '/requests_by_host/ { on = 1 } on && /"(hub|cdn)":/ { gsub(/[^0-9]/, ""); n += $0 } /}/ { on = 0 } END { print n + 0 }'
}

# Processor time that nginx and the mock have used so far, in ticks.
server_ticks() {
  local pid
  for pid in "$nginx_pid" $(pgrep -P "$nginx_pid") $mock_pid; do
    cat "/proc/$pid/stat"
  done | awk '{ ticks += $14 + $15 } END { print ticks + 0 }'
}
server_seconds() { awk -v n="$(($(server_ticks) - counted_ticks))" -v hz="$(getconf CLK_TCK)" 'BEGIN { print n / hz }'; }

# "BYTES REQUESTS" served since the last reset, by nginx and the mock together.
reset_counters() {
  : >"$work/access.log"
  counted_ticks=$(server_ticks)
  counted_bytes=$(mock_stat content_bytes_served)
  counted_requests=$(mock_requests)
}
counters() {
  awk -v bytes="$(($(mock_stat content_bytes_served) - counted_bytes))" \
    -v requests="$(($(mock_requests) - counted_requests))" \
    '{ bytes += $2; ++requests } END { print bytes + 0, requests + 0 }' "$work/access.log"
}

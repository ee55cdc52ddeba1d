# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Cases of the suite: processes and servers that end, and clocks that jump.

kill_and_resume() {
  start_registry 6M
  job "$1" &
  wait_for_served 9000000
  kill -9 "$(pgrep -x nai-model-proce)"
  wait $!
  expect_right "$1"
  job "$1"
  expect_status $? 0
  expect_right "$1" complete
  [ "$(served)" -le 27000000 ] || complain "$(served) bytes were served for 24 MB"
}

# A hard mount waits for its server.
server_restart() {
  start_registry 6M
  job "$1" &
  wait_for_served 8000000
  rpc.nfsd 0
  sleep "${DOWN_SECONDS:-20}"
  rpc.nfsd 4
  wait $!
  expect_status $? 0
  expect_right "$1" complete
}

# A soft one gives up: an error that is told once, after writes that seemed to succeed.
soft_mount() {
  other=plain
  mount_export plain "$2" /mnt/other soft,retrans=1
  start_registry 6M
  job /mnt/other &
  wait_for_served 8000000
  rpc.nfsd 0
  wait $!
  expect_status $? 6
  rpc.nfsd 4
  expect_right /mnt/other
  # What was lost is told to the first who comes after, too.
  job /mnt/other
  expect_status $? 0
  expect_right /mnt/other complete
  umount /mnt/other
}

# Asked to stop while nothing answers: it gives its reason in time, and is gone unless the kernel
# holds one of its threads, as in an fsync, which on a hard mount not even SIGKILL ends.
stop_while_server_is_down() {
  local pid begin took
  start_registry 6M
  job "$1" &
  wait_for_served 8000000
  pid=$(pgrep -x nai-model-proce)
  rpc.nfsd 0
  until grep -qs '^State:.D' "/proc/$pid/task/"*/status; do sleep 0.1; done
  begin=$(uptime_seconds)
  kill -TERM "$pid"
  until [ -s /mnt/tmp/termination ] || [ $(($(uptime_seconds) - begin)) -gt 30 ]; do sleep 0.1; done
  took=$(($(uptime_seconds) - begin))
  [ "$took" -le 5 ] || complain "it gave its reason after $took s"
  until [ ! -e "/proc/$pid" ] || [ $(($(uptime_seconds) - begin)) -gt 5 ]; do sleep 0.1; done
  if [ -e "/proc/$pid" ]; then
    grep -qs '^State:.Z' "/proc/$pid/status" || complain "it did not end: $(cat "/proc/$pid/status")"
    say "  the kernel holds it until the server answers: $(cat "/proc/$pid/task/"*/wchan)"
  fi
  rpc.nfsd 4
  wait $!
  expect_status $? 143
  grep -q 'SIGTERM' /mnt/tmp/termination || complain "no reason: $(cat /mnt/tmp/termination)"
  expect_right "$1"
  job "$1"
  expect_status $? 0
  expect_right "$1" complete
}

# Clients that share neither locks nor caches.
two_clients() {
  local first second
  start_registry 6M
  job /mnt/v42 &
  first=$!
  wait_for_served 4000000
  log=/mnt/tmp/log.other job /mnt/v3
  second=$?
  wait $first
  expect_status $? 0
  log=/mnt/tmp/log.other expect_status $second 0
  grep -q 'waiting for the volume' /mnt/tmp/log.other || complain "the second did not say it waits"
  expect_right /mnt/v42 complete
  [ "$(served)" -le 25000000 ] || complain "both fetched: $(served) bytes"
}

# A holder that dies is replaced when its heart has not beaten for LOCK_DEAD_AFTER, 3 s here: on
# another mount its flock proves nothing.
holder_killed() {
  local first second holder begin
  start_registry 2M
  job /mnt/v42 &
  first=$!
  wait_for_served 4000000
  holder=$(pgrep -x nai-model-proce)
  rm -f /mnt/tmp/log.other
  log=/mnt/tmp/log.other job /mnt/v3 &
  second=$!
  until grep -q 'waiting for the volume.*(process .* since ' /mnt/tmp/log.other 2>/dev/null; do
    kill -0 $second 2>/dev/null || { complain "the second did not wait: $(cat /mnt/tmp/log.other)"; break; }
    sleep 0.1
  done
  kill -9 "$holder"
  begin=$(uptime_seconds)
  wait $first
  until grep -q 'Starting model files' /mnt/tmp/log.other || ! kill -0 $second 2>/dev/null; do sleep 0.1; done
  begin=$(($(uptime_seconds) - begin))
  [ "$begin" -ge 2 ] && [ "$begin" -le 8 ] || complain "taken over after $begin s"
  wait $second
  log=/mnt/tmp/log.other expect_status $? 0
  expect_right /mnt/v42 complete
  [ "$(served)" -le 27000000 ] || complain "$(served) bytes were served for 24 MB"
}

# Server and client share this kernel's clock; what can be tried is that it jumps.
clock_jumps() {
  start_registry 6M
  job "$1" &
  wait_for_served 6000000
  date -s '+5 minutes' >/dev/null
  wait_for_served 12000000
  date -s '-10 minutes' >/dev/null
  wait $!
  expect_status $? 0
  expect_right "$1" complete
  job "$1"
  expect_status $? 0
}

# The host takes the power from the server, and boots it again with the same disk. What the server
# had not written yet is sent again by the client's kernel. With v4 that may have lost what it had open
# when it comes back too late, and says EIO: the next run goes on then.
server_power_cut() {
  local status
  start_registry 6M
  job "$1" &
  wait_for_served 8000000
  echo cut >/mnt/result/cut
  wait $!
  status=$?
  expect_status $status 0 6
  [ ! -e /mnt/result/cut ] || complain "the power was not cut"
  expect_right "$1"
  if [ $status = 6 ]; then
    say "  $(tail -n 2 "$log" | head -n 1)"
    job "$1"
    expect_status $? 0
    [ "$(served)" -le 28000000 ] || complain "$(served) bytes were served for 24 MB"
  fi
  expect_right "$1" complete
}

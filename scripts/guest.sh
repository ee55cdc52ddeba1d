# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For scripts that boot a user-mode Linux kernel, which needs neither privileges nor virtualisation;
# its root is this machine's file system, read-only. Sourced after common.sh.

guests=0
server= # of two guests, the one that serves the other
check_name=$(basename "$0")

skip() {
  echo "$check_name: skipped: $*"
  exit 0
}

# Builds what runs in the guest, or skips where no guest can run.
prepare_guest() {
  [ "$(uname -m)" = x86_64 ] || skip "there is no user-mode kernel for $(uname -m)"
  [ "$(id -u)" = 0 ] || skip "needs root, whom the guest takes for its own"
  scripts/setup nfs || skip "Debian's packages cannot be installed"
  mkdir -p build
  # Two of these scripts may run at the same time.
  {
    flock 9 &&
      cmake --preset release &&
      cmake --build --preset release -j "$NAI_JOBS" --target nai-model-processor mock-registry
  } 9>build/guest.lock >"build/$check_name.log" 2>&1 || {
    cat "build/$check_name.log"
    exit 1
  }
  result=$(mktemp -d)
  guest=
  trap clean_up_guest EXIT
  trap 'exit 143' TERM INT
}
clean_up_guest() {
  # The kernel's processes are a session of their own.
  [ -z "$guest" ] || kill -KILL -- "-$guest" 2>/dev/null || true
  [ -z "$server" ] || kill -KILL -- "-$server" 2>/dev/null || true
  rm -rf "$result"
}

# boot_guest INIT ARGUMENT...: in the background; `guest` is its process group, $result a directory
# that both see. INIT writes "begun" there first, and its exit status into "status".
boot_guest() {
  [ -n "$server" ] || rm -f "$result/begun" "$result/status"
  guests=$((guests + 1))
  # The guest's memory is a file: in /dev/shm it costs no disk traffic.
  TMPDIR=/dev/shm setsid linux.uml mem=1200M rootfstype=hostfs rootflags=/ ro init="$1" \
    con=null con0=fd:0,fd:1 umid="nai-$$-$guests" quiet SUITE_RESULT="$result" \
    NAI_BINARY="$PWD/build/release/bin/nai-model-processor" \
    NAI_MOCK="$PWD/build/release/bin/mock-registry" "${@:2}" </dev/null 2>"$result/errors" \
    > >(grep --line-buffered -Ev '^(SELinux|mmapper_init|Failed to initialize ubd|reboot|EXT4-fs|uml-vector)') &
  guest=$!
}

# boot_role server|client ARGUMENT...: one of two kernels, with a cable between them that is a pair of
# UDP ports.
boot_role() {
  local own=$((20000 + $$ % 20000)) other=$((40000 + $$ % 20000))
  [ "$1" = server ] || { own=$other other=$((20000 + $$ % 20000)); }
  boot_guest "$PWD/tests/nfs/pair-init" PAIR_ROLE="$1" SUITE="$PWD/tests/nfs/suite" "${@:2}" \
    vec0:transport=l2tpv3,udp=1,v6=0,src=127.0.0.1,dst=127.0.0.1,srcport="$own",dstport="$other",tx_session=1,rx_session=1,depth=64
}

# boot_server ARGUMENT...: returns when it serves; `server` is its process group.
boot_server() {
  rm -f "$result/serving"
  boot_role server "$@"
  server=$guest
  until [ -e "$result/serving" ]; do
    kill -0 "$server" 2>/dev/null || skip "the user-mode kernel does not start here"
    sleep 0.2
  done
}

# Waits for the end of the guest; exits unless it came to it.
finish_guest() {
  wait "$guest" || true
  guest=
  [ -s "$result/status" ] && return
  tail -n 5 "$result/errors"
  # Whether it can run here at all shows before anything else.
  [ -s "$result/begun" ] || skip "the user-mode kernel does not start here"
  echo "$check_name: the guest did not come to its end" >&2
  exit 1
}

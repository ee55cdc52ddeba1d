# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Cases of the suite: volumes and memory that are too small.

server_full() {
  mount -o remount,size=15m /mnt/served/plain || complain "the server has $(du -sm /mnt/served/plain)"
  start_registry 100M
  job "$1"
  expect_status $? 7
  grep -q available /mnt/tmp/termination || complain "no figures: $(cat /mnt/tmp/termination)"
  expect_right "$1"
  mount -o remount,size=200m /mnt/served/plain
  job "$1"
  expect_status $? 0
  expect_right "$1" complete
}

# as_container MEMORY COMMAND...: with that much memory, page cache included.
as_container() {
  local group=/mnt/cgroup/job
  [ -d "$group" ] || {
    mkdir -p /mnt/cgroup
    mount -t cgroup2 cgroup /mnt/cgroup
    echo +memory >/mnt/cgroup/cgroup.subtree_control
    mkdir "$group"
  }
  echo "$1" >"$group/memory.max"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    "${@:2}"
  )
}

# Three times as much model as memory: what is dirty has to go out as fast as it comes in.
small_memory() {
  local small=$model model=/mnt/tmp/large
  mkdir -p "$model"
  head -c 150000017 /dev/urandom >"$model/model.safetensors"
  cp "$small/config.json" "$model"
  start_registry 100M
  as_container 48M job "$1"
  expect_status $? 0
  grep -q '^oom_kill 0$' /mnt/cgroup/job/memory.events || complain "out of memory"
  expect_right "$1" complete
  fresh "$1"
  rm -rf "$model"
}

# A disk of the machine's own, on which a user has a quota, and where nothing goes past the page
# cache.
local_disk() {
  local disk=/mnt/tmp/disk.img volume=/mnt/disk status
  other=disk
  mkdir -p "$volume" && ln -sfn "$volume" /mnt/served/disk
  truncate -s 150M "$disk"
  mkfs.ext4 -q -O quota -E root_owner=1234:0 "$disk"
  modprobe -d /run/modules -a loop quota_v2
  mount -o loop,usrquota,data=journal "$disk" "$volume" || { complain "no disk"; return; }
  setquota -u 1234 12000 12000 0 0 "$volume" || complain "no quota"
  start_registry 100M
  as_container 32M job "$volume" setpriv --reuid 1234 --clear-groups
  expect_status $? 7
  expect_right "$volume"
  setquota -u 1234 0 0 0 0 "$volume"
  as_container 32M job "$volume" setpriv --reuid 1234 --clear-groups
  expect_status $? 0
  expect_right "$volume" complete
  umount "$volume"
  rm -f "$disk" /mnt/served/disk
}

# Memory that fills, as an emptyDir of the medium Memory does.
tiny_memory_disk() {
  local volume=/mnt/disk
  other=disk
  mkdir -p "$volume" && ln -sfn "$volume" /mnt/served/disk
  mount -t tmpfs -o size=15m tiny "$volume"
  start_registry 100M
  job "$volume"
  expect_status $? 7
  grep -q available /mnt/tmp/termination || complain "no figures: $(cat /mnt/tmp/termination)"
  expect_right "$volume"
  mount -o remount,size=40m "$volume"
  job "$volume"
  expect_status $? 0
  expect_right "$volume" complete
  umount "$volume"
  rm -f /mnt/served/disk
}

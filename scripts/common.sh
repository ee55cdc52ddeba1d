# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts beside it.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

export NAI_JOBS=${NAI_JOBS:-$(nproc)}

verdict() { if [ "$1" = 0 ]; then echo passed; else echo FAILED; fi; }

# Runs a command under a title, says how long it took, and returns its status.
stage() {
  local title=$1 begin=$SECONDS status=0
  shift
  printf '\n== %s\n' "$title"
  "$@" || status=$?
  printf '== %s: %s in %d s\n' "$title" "$(verdict "$status")" "$((SECONDS - begin))"
  return "$status"
}

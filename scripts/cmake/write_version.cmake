# Writes <nai/version.hpp>. In: VERSION, COMMIT (empty: asked of git), SOURCE_DIR, OUTPUT.
if(NOT COMMIT)
  execute_process(
    # The lock is another git's that runs at the same time.
    COMMAND "${CMAKE_COMMAND}" -E env GIT_OPTIONAL_LOCKS=0
            git describe --always --dirty --abbrev=12 --exclude=*
    WORKING_DIRECTORY "${SOURCE_DIR}"
    OUTPUT_VARIABLE COMMIT
    OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET
    RESULT_VARIABLE failed
  )
  if(failed OR NOT COMMIT)
    set(COMMIT unknown)
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
// SPDX-License-Identifier: Apache-2.0
#pragma once

#define NAI_VERSION "@VERSION@"
#define NAI_COMMIT "@COMMIT@"
]])

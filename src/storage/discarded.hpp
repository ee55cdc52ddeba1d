// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nai/util/log.hpp>

namespace nai::storage {

// Says that what a checkpoint says of `path` is of no use. In journal.cpp.
void tell_discarded(const std::string& path, const std::string& reason, util::Log& log);

}  // namespace nai::storage

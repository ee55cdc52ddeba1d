// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nai/storage/inventory.hpp>
#include <nai/transfer/verification.hpp>
#include <nai/util/byte_range.hpp>
#include <nai/util/error.hpp>

#include "app/log.hpp"
#include "app/verify/expectation.hpp"

namespace nai::app {

// Something that is not as it should be.
struct Problem {
  std::string path;
  transfer::FileVerdict verdict = transfer::FileVerdict::wrong;
  std::string found;
  std::optional<storage::FileIdentity> file = std::nullopt;  // empty: not of a single file
  std::vector<util::ByteRange> damaged = {};  // where it is wrong; empty when that is not known
};

// What verify found.
struct VerifyFindings {
  std::vector<Problem> problems = {};
  std::vector<std::string> extra = {};
  std::uint64_t bytes_read = 0;
  std::chrono::milliseconds taken{0};
};

// "wrong", as the log and the document have it.
[[nodiscard]] std::string_view name_of(transfer::FileVerdict verdict);

[[nodiscard]] std::uint64_t total_bytes(const std::vector<storage::FileIdentity>& files);
[[nodiscard]] std::uint64_t total_bytes(const std::vector<util::ByteRange>& ranges);

// As lines, or as one JSON document.
void tell(const VerifyFindings& findings, const Expectation& expected, Console& console);
[[nodiscard]] std::string document(const VerifyFindings& findings, const Expectation& expected);

// How a run ends that found problems: content_mismatch; storage where nothing is known to be wrong,
// but something could not be read.
[[nodiscard]] util::Error failure(const VerifyFindings& findings, const Expectation& expected);

}  // namespace nai::app

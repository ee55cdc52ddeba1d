// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nai::util {

inline constexpr std::uint64_t k_kib = 1024;
inline constexpr std::uint64_t k_mib = 1024 * k_kib;
inline constexpr std::uint64_t k_gib = 1024 * k_mib;

// Decimal units as download tools and disk vendors print them: "512 B", "1.13 GB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
// "304.2 MB/s".
[[nodiscard]] std::string format_rate(double bytes_per_second);
// "8s", "3m12s", "2h05m", "3d04h"; the two largest units.
[[nodiscard]] std::string format_duration(std::chrono::seconds duration);

// "64MiB", "64M" (binary), "64MB" (decimal), "1048576". Empty when it is not a size.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "10s", "500ms", "5m", "2h", "1.5s"; a bare number is seconds. Empty when it is not a duration.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace nai::util

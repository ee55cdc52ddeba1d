// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/download.hpp>

#include <algorithm>

namespace nai::transfer {

namespace {

// The program itself, its lists and its threads.
constexpr std::uint64_t k_fixed_bytes = std::uint64_t{32} << 20U;
// A block, TLS, and what waits in the kernel's socket, which counts too. Measured: 0.9 MiB of the
// process's own.
constexpr std::uint64_t k_connection_bytes = std::uint64_t{2} << 20U;
constexpr std::uint64_t k_fewest_connections = 4;

}  // namespace

Options within_memory(Options options, std::uint64_t memory_limit) {
  const std::uint64_t blocks = std::max<std::uint64_t>(memory_limit / 8, 2 * options.block_bytes);
  options.memory_bytes = std::min<std::uint64_t>(options.memory_bytes, blocks);
  const std::uint64_t spent = k_fixed_bytes + options.memory_bytes;
  const std::uint64_t connections =
      memory_limit > spent ? (memory_limit - spent) / k_connection_bytes : 0;
  options.max_connections =
      std::min<std::uint64_t>(options.max_connections, std::max(connections, k_fewest_connections));
  return options;
}

}  // namespace nai::transfer

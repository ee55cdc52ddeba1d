// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <source/nim/connection.hpp>

namespace nai::source {

// Unpacks a stream of gzip (of one or more members), zstd or nothing at all, which it tells by the
// first bytes. Never holds more than a window of it.
class Decompressor {
 public:
  // Throws Error{content_mismatch} from push() when more than `max_output` bytes come out.
  explicit Decompressor(std::uint64_t max_output);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Hands what `data` unpacks to on to `take`; false when `take` had enough. Throws
  // Error{content_mismatch} on damaged data.
  bool push(std::span<const std::byte> data, const Take& take);

  [[nodiscard]] std::uint64_t output_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace nai::source

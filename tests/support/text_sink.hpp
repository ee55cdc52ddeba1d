// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <nai/source/source.hpp>

namespace nai::source {

// Keeps what a source hands over.
class TextSink : public RangeSink {
 public:
  bool write(std::span<const std::byte> data) override {
    for (const std::byte byte : data) {
      text += static_cast<char>(byte);
    }
    return true;
  }
  std::string text;
};

}  // namespace nai::source

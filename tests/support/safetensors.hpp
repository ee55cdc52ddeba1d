// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nai::test {

// A safetensors file: the header's length as eight bytes, the header, and `data_bytes` of data.
inline std::string safetensors_file(std::string_view header, std::size_t data_bytes) {
  std::string file;
  for (unsigned i = 0; i < 8; ++i) {
    file += static_cast<char>(std::uint64_t{header.size()} >> 8U * i & 0xFFU);
  }
  return file.append(header).append(data_bytes, 'w');
}

}  // namespace nai::test

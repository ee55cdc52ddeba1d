// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace nai::model {

// Reads up to `data.size()` bytes from `offset` on; 0 at the end.
using ReadAt = std::function<std::size_t(std::span<std::byte> data, std::uint64_t offset)>;

// What is wrong with a safetensors file of `size` bytes, for people; empty when its header can be
// parsed and its tensors cover the rest of the file, each with as many bytes as its type and shape
// take. Reads the header only, keeps 16 bytes a tensor in memory. What `read` throws passes
// through.
[[nodiscard]] std::string safetensors_problem(const ReadAt& read, std::uint64_t size);

}  // namespace nai::model

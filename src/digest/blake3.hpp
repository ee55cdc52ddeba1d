// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nai::digest {

// BLAKE3 in its hash mode, one chunk after the other, as its specification describes it
// (https://github.com/BLAKE3-team/BLAKE3-specs). Its whole state follows from the position, some
// chaining values and a tail of at most one block, so it can be saved and continued.
class Blake3 {
 public:
  using Words = std::array<std::uint32_t, 8>;

  void update(std::span<const std::byte> data);
  // Lower-case hexadecimal.
  [[nodiscard]] std::string finish() const;

  // The chaining values of the finished subtrees, the largest first, then that of the chunk.
  [[nodiscard]] std::vector<std::uint32_t> words() const;
  [[nodiscard]] std::span<const std::byte> tail() const {
    return std::span(m_block).first(m_block_bytes);
  }
  // How many words and how many bytes of tail belong to a position.
  [[nodiscard]] static std::size_t words_at(std::uint64_t position);
  [[nodiscard]] static std::size_t tail_at(std::uint64_t position);
  // `words` and `tail` have the sizes that belong to `position`.
  void restore(std::uint64_t position, std::span<const std::uint32_t> words,
               std::span<const std::byte> tail);

 private:
  struct Output;

  [[nodiscard]] Output chunk_output() const;
  void compress_block();
  void finish_chunk();

  std::vector<Words> m_stack;
  Words m_chunk_value = initial_value();
  std::uint64_t m_chunk = 0;
  unsigned m_blocks = 0;  // of the chunk, compressed
  std::array<std::byte, 64> m_block{};
  std::size_t m_block_bytes = 0;

  [[nodiscard]] static Words initial_value();
};

}  // namespace nai::digest

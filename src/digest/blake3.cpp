// SPDX-License-Identifier: Apache-2.0
#include "digest/blake3.hpp"

#include <algorithm>
#include <bit>

#include <nai/util/text.hpp>

namespace nai::digest {

namespace {

using Words = Blake3::Words;
using Block = std::array<std::uint32_t, 16>;

constexpr Words k_initial{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                          0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
constexpr std::array<std::size_t, 16> k_permutation{2, 6,  3,  10, 7, 0,  4,  13,
                                                    1, 11, 12, 5,  9, 14, 15, 8};
constexpr int k_rounds = 7;
constexpr std::uint64_t k_chunk_bytes = 1024;
constexpr std::size_t k_block_bytes = 64;
constexpr unsigned k_blocks_a_chunk = 16;

enum Flag : std::uint32_t { chunk_start = 1, chunk_end = 2, parent = 4, root = 8 };

Block load(std::span<const std::byte> bytes) {
  Block words{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    words[i / 4] |= std::to_integer<std::uint32_t>(bytes[i]) << (8U * (i % 4));
  }
  return words;
}

inline void mix(Block& s, std::array<std::size_t, 4> at, std::uint32_t x, std::uint32_t y) {
  const auto [a, b, c, d] = at;
  s[a] += s[b] + x;
  s[d] = std::rotr(s[d] ^ s[a], 16);
  s[c] += s[d];
  s[b] = std::rotr(s[b] ^ s[c], 12);
  s[a] += s[b] + y;
  s[d] = std::rotr(s[d] ^ s[a], 8);
  s[c] += s[d];
  s[b] = std::rotr(s[b] ^ s[c], 7);
}

}  // namespace

// The input of the last compression of a node, which is another one at the root.
struct Blake3::Output {
  Words value;
  Block block;
  std::uint64_t counter;
  std::uint32_t length;
  std::uint32_t flags;

  [[nodiscard]] Words compress(std::uint32_t more_flags = 0) const {
    Block s{};
    std::copy(value.begin(), value.end(), s.begin());
    std::copy(k_initial.begin(), k_initial.begin() + 4, s.begin() + 8);
    s[12] = static_cast<std::uint32_t>(counter);
    s[13] = static_cast<std::uint32_t>(counter >> 32U);
    s[14] = length;
    s[15] = flags | more_flags;
    Block m = block;
    for (int round = 0; round < k_rounds; ++round) {
      mix(s, {0, 4, 8, 12}, m[0], m[1]);
      mix(s, {1, 5, 9, 13}, m[2], m[3]);
      mix(s, {2, 6, 10, 14}, m[4], m[5]);
      mix(s, {3, 7, 11, 15}, m[6], m[7]);
      mix(s, {0, 5, 10, 15}, m[8], m[9]);
      mix(s, {1, 6, 11, 12}, m[10], m[11]);
      mix(s, {2, 7, 8, 13}, m[12], m[13]);
      mix(s, {3, 4, 9, 14}, m[14], m[15]);
      Block next{};
      for (std::size_t i = 0; i < next.size(); ++i) {
        next[i] = m[k_permutation[i]];
      }
      m = next;
    }
    Words result{};
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i] = s[i] ^ s[i + 8];
    }
    return result;
  }

  static Output of_parent(const Words& left, const Words& right) {
    Output output{k_initial, {}, 0, k_block_bytes, parent};
    std::copy(left.begin(), left.end(), output.block.begin());
    std::copy(right.begin(), right.end(), output.block.begin() + 8);
    return output;
  }
};

Words Blake3::initial_value() { return k_initial; }

Blake3::Output Blake3::chunk_output() const {
  return {m_chunk_value, load(tail()), m_chunk, static_cast<std::uint32_t>(m_block_bytes),
          (m_blocks == 0 ? chunk_start : 0U) | chunk_end};
}

// The last block of a chunk, and the last chunk, wait until it is known that more follows.
void Blake3::update(std::span<const std::byte> data) {
  while (!data.empty()) {
    if (m_block_bytes == k_block_bytes) {
      if (m_blocks + 1 == k_blocks_a_chunk) {
        finish_chunk();
      } else {
        compress_block();
      }
    }
    const std::size_t taken = std::min(data.size(), k_block_bytes - m_block_bytes);
    std::copy_n(data.begin(), taken, m_block.begin() + static_cast<std::ptrdiff_t>(m_block_bytes));
    m_block_bytes += taken;
    data = data.subspan(taken);
  }
}

void Blake3::compress_block() {
  const Output output{m_chunk_value, load(m_block), m_chunk, k_block_bytes,
                      m_blocks == 0 ? chunk_start : 0U};
  m_chunk_value = output.compress();
  ++m_blocks;
  m_block_bytes = 0;
}

void Blake3::finish_chunk() {
  Words value = chunk_output().compress();
  ++m_chunk;
  // Two subtrees of the same size become one, as the trailing zeros of the number of chunks tell.
  for (std::uint64_t chunks = m_chunk; chunks % 2 == 0; chunks /= 2) {
    value = Output::of_parent(m_stack.back(), value).compress();
    m_stack.pop_back();
  }
  m_stack.push_back(value);
  m_chunk_value = k_initial;
  m_blocks = 0;
  m_block_bytes = 0;
}

std::string Blake3::finish() const {
  Output output = chunk_output();
  for (auto left = m_stack.rbegin(); left != m_stack.rend(); ++left) {
    output = Output::of_parent(*left, output.compress());
  }
  std::array<std::byte, 32> bytes{};
  const Words value = output.compress(root);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(value[i / 4] >> (8U * (i % 4)) & 0xFFU);
  }
  return util::to_hex(bytes);
}

std::vector<std::uint32_t> Blake3::words() const {
  std::vector<std::uint32_t> result;
  for (const Words& value : m_stack) {
    result.insert(result.end(), value.begin(), value.end());
  }
  result.insert(result.end(), m_chunk_value.begin(), m_chunk_value.end());
  return result;
}

std::size_t Blake3::words_at(std::uint64_t position) {
  const std::uint64_t chunk = position == 0 ? 0 : (position - 1) / k_chunk_bytes;
  return (static_cast<std::size_t>(std::popcount(chunk)) + 1) * Words().size();
}

std::size_t Blake3::tail_at(std::uint64_t position) {
  return position == 0 ? 0 : static_cast<std::size_t>((position - 1) % k_block_bytes + 1);
}

void Blake3::restore(std::uint64_t position, std::span<const std::uint32_t> words,
                     std::span<const std::byte> tail) {
  m_chunk = position == 0 ? 0 : (position - 1) / k_chunk_bytes;
  const std::uint64_t in_chunk = position - m_chunk * k_chunk_bytes;
  m_blocks = in_chunk == 0 ? 0 : static_cast<unsigned>((in_chunk - 1) / k_block_bytes);
  m_stack.clear();
  while (words.size() > m_chunk_value.size()) {
    std::copy_n(words.begin(), m_chunk_value.size(), m_stack.emplace_back().begin());
    words = words.subspan(m_chunk_value.size());
  }
  std::copy(words.begin(), words.end(), m_chunk_value.begin());
  std::copy(tail.begin(), tail.end(), m_block.begin());
  m_block_bytes = tail.size();
}

}  // namespace nai::digest

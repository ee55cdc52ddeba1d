// SPDX-License-Identifier: Apache-2.0

// OpenSSL's EVP interface cannot export a state that is half way through; the low-level one can. It
// is deprecated, not gone, and uses the same SHA extensions of the processor.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <nai/digest/hasher.hpp>

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <nai/digest/block_checksum.hpp>
#include <nai/util/text.hpp>

#include "digest/blake3.hpp"
#include "digest/prefetch.hpp"
#include "digest/sha256_pair.hpp"

namespace nai::digest {

namespace {

// Counts what it sees; for content that nobody published a checksum of.
struct SizeCounter {
  std::uint64_t bytes = 0;
};

void init(SHA256_CTX& state) { SHA256_Init(&state); }
void init(SHA_CTX& state) { SHA1_Init(&state); }
void init(Blake3& state) { state = {}; }
void init(SizeCounter& state) { state = {}; }

// Calls `update` for a piece of `data` after the other, while the next one is on its way into the
// cache: blocks that were received a moment ago lie in main memory, and a round waits for the one
// before it, so the processor by itself does not look far enough ahead.
template <typename Update>
void in_cached_pieces(std::span<const std::byte> data, Update update) {
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), k_prefetch_bytes));
    data = data.subspan(piece.size());
    prefetch(data.first(std::min(data.size(), k_prefetch_bytes)));
    update(piece);
  }
}

void update_with(SHA256_CTX& state, std::span<const std::byte> data) {
  in_cached_pieces(data, [&](std::span<const std::byte> piece) {
    SHA256_Update(&state, piece.data(), piece.size());
  });
}
void update_with(SHA_CTX& state, std::span<const std::byte> data) {
  in_cached_pieces(data, [&](std::span<const std::byte> piece) {
    SHA1_Update(&state, piece.data(), piece.size());
  });
}
void update_with(Blake3& state, std::span<const std::byte> data) { state.update(data); }
void update_with(SizeCounter& state, std::span<const std::byte> data) {
  state.bytes += data.size();
}

std::string finish(SHA256_CTX state) {
  std::array<std::byte, SHA256_DIGEST_LENGTH> value{};
  SHA256_Final(reinterpret_cast<unsigned char*>(value.data()), &state);
  return util::to_hex(value);
}
std::string finish(SHA_CTX state) {
  std::array<std::byte, SHA_DIGEST_LENGTH> value{};
  SHA1_Final(reinterpret_cast<unsigned char*>(value.data()), &state);
  return util::to_hex(value);
}
std::string finish(const Blake3& state) { return state.finish(); }
std::string finish(const SizeCounter& state) { return fmt::format("{:016x}", state.bytes); }

// The chaining words, in the order of the standard.
std::vector<SHA_LONG> words(const SHA256_CTX& state) {
  return {std::begin(state.h), std::end(state.h)};
}
std::vector<SHA_LONG> words(const SHA_CTX& state) {
  return {state.h0, state.h1, state.h2, state.h3, state.h4};
}
std::vector<SHA_LONG> words(const Blake3& state) { return state.words(); }
std::vector<SHA_LONG> words(const SizeCounter&) { return {}; }

// What is not processed yet.
template <typename Sha>
std::span<const std::byte> tail_of(const Sha& state) {
  return std::as_bytes(std::span(state.data)).first(state.num);
}
std::span<const std::byte> tail_of(const Blake3& state) { return state.tail(); }
std::span<const std::byte> tail_of(const SizeCounter&) { return {}; }

// SHA's block.
constexpr std::size_t k_block = 64;

// A state as it was saved. `total` counts what was hashed in front of the content too.
struct Saved {
  std::uint64_t total = 0;
  std::span<const SHA_LONG> words;
  std::span<const std::byte> tail;
};

void set_words(SHA256_CTX& state, std::span<const SHA_LONG> values) {
  std::copy(values.begin(), values.end(), std::begin(state.h));
}
void set_words(SHA_CTX& state, std::span<const SHA_LONG> values) {
  state.h0 = values[0];
  state.h1 = values[1];
  state.h2 = values[2];
  state.h3 = values[3];
  state.h4 = values[4];
}

// Both SHA states count the bits seen in two words.
template <typename Sha>
void set_bits(Sha& state, std::uint64_t bits) {
  state.Nl = static_cast<SHA_LONG>(bits & 0xFFFFFFFFU);
  state.Nh = static_cast<SHA_LONG>(bits >> 32U);
}

// False when the parts do not fit together. Both SHA states hold the unprocessed tail of less than
// one block in `data`.
template <typename Sha>
bool set(Sha& state, const Saved& saved) {
  if (saved.words.size() != words(state).size() || saved.tail.size() != saved.total % k_block) {
    return false;
  }
  set_words(state, saved.words);
  set_bits(state, saved.total * 8);
  state.num = static_cast<unsigned>(saved.tail.size());
  std::copy(saved.tail.begin(), saved.tail.end(), reinterpret_cast<std::byte*>(state.data));
  return true;
}
bool set(Blake3& state, const Saved& saved) {
  if (saved.words.size() != Blake3::words_at(saved.total) ||
      saved.tail.size() != Blake3::tail_at(saved.total)) {
    return false;
  }
  state.restore(saved.total, saved.words, saved.tail);
  return true;
}
bool set(SizeCounter& state, const Saved& saved) {
  state.bytes = saved.total;
  return saved.words.empty() && saved.tail.empty();
}

// Hands over what ends within a block, so that whole blocks come next.
void fill_block(SHA256_CTX& state, std::span<const std::byte>& data) {
  const std::size_t length = std::min<std::size_t>((k_block - state.num) % k_block, data.size());
  update_with(state, data.first(length));
  data = data.subspan(length);
}

void count_blocks(SHA256_CTX& state, std::span<const std::byte>& data, std::size_t blocks) {
  const std::uint64_t before = (std::uint64_t{state.Nh} << 32U) | state.Nl;
  set_bits(state, before + std::uint64_t{blocks} * k_block * 8);
  data = data.subspan(blocks * k_block);
}

void update_both(SHA256_CTX& first, std::span<const std::byte> first_data, SHA256_CTX& second,
                 std::span<const std::byte> second_data) {
  fill_block(first, first_data);
  fill_block(second, second_data);
  const std::size_t blocks = std::min(first_data.size(), second_data.size()) / k_block;
  if (blocks > 0) {
    sha256_pair({std::span(first.h), first_data.data()}, {std::span(second.h), second_data.data()},
                blocks);
    count_blocks(first, first_data, blocks);
    count_blocks(second, second_data, blocks);
  }
  update_with(first, first_data);
  update_with(second, second_data);
}

bool measure_pairs() {
  using Clock = std::chrono::steady_clock;
  // Bringing two files together costs a few hundredths of it.
  constexpr double k_clearly = 1.15;
  const std::vector<std::byte> data(std::size_t{64} * 1024);
  Hasher first(Algorithm::sha256, 0);
  Hasher second(Algorithm::sha256, 0);
  Clock::duration one_by_one = Clock::duration::max();
  Clock::duration together = Clock::duration::max();
  // The best of some: whatever disturbs can only make it slower.
  for (int i = 0; i < 4; ++i) {
    const auto begin = Clock::now();
    first.update(data);
    second.update(data);
    const auto between = Clock::now();
    Hasher::update_pair(first, data, second, data);
    one_by_one = std::min(one_by_one, between - begin);
    together = std::min(together, Clock::now() - between);
  }
  return std::chrono::duration<double>(one_by_one) > k_clearly * together;
}

std::string checked(const std::string& text) {
  return fmt::format("{};{:016x}", text, block_checksum(std::as_bytes(std::span(text))));
}

}  // namespace

struct Hasher::State {
  Algorithm algorithm;
  std::uint64_t size;
  std::uint64_t position = 0;
  std::uint64_t prefix_bytes = 0;  // hashed in front of the content
  std::variant<SHA256_CTX, SHA_CTX, Blake3, SizeCounter> sha;
};

Hasher::Hasher(Algorithm algorithm, std::uint64_t size)
    : m_state(std::make_unique<State>(State{.algorithm = algorithm, .size = size, .sha = {}})) {
  switch (algorithm) {
    case Algorithm::sha256:
      break;
    case Algorithm::git_blob_sha1:
      m_state->sha.emplace<SHA_CTX>();
      break;
    case Algorithm::blake3:
      m_state->sha.emplace<Blake3>();
      break;
    case Algorithm::size_only:
      m_state->sha.emplace<SizeCounter>();
      break;
  }
  std::visit([](auto& sha) { init(sha); }, m_state->sha);
  if (algorithm == Algorithm::git_blob_sha1) {
    // https://git-scm.com/book/en/v2/Git-Internals-Git-Objects, "Object Storage"
    const std::string header = fmt::format("blob {}", size);
    const auto bytes = std::as_bytes(std::span(header.c_str(), header.size() + 1));
    m_state->prefix_bytes = bytes.size();
    std::visit([&](auto& sha) { update_with(sha, bytes); }, m_state->sha);
  }
}

Hasher::Hasher(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Hasher::~Hasher() = default;
Hasher::Hasher(const Hasher& other) : m_state(std::make_unique<State>(*other.m_state)) {}
Hasher& Hasher::operator=(const Hasher& other) {
  *m_state = *other.m_state;
  return *this;
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::span<const std::byte> data) {
  std::visit([&](auto& sha) { update_with(sha, data); }, m_state->sha);
  m_state->position += data.size();
}

void Hasher::update_pair(Hasher& first, std::span<const std::byte> first_data, Hasher& second,
                         std::span<const std::byte> second_data) {
  auto* first_sha = std::get_if<SHA256_CTX>(&first.m_state->sha);
  auto* second_sha = std::get_if<SHA256_CTX>(&second.m_state->sha);
  if (first_sha == nullptr || second_sha == nullptr || !has_sha256_pair()) {
    first.update(first_data);
    second.update(second_data);
    return;
  }
  update_both(*first_sha, first_data, *second_sha, second_data);
  first.m_state->position += first_data.size();
  second.m_state->position += second_data.size();
}

bool Hasher::pairs_pay() {
  static const bool pay = has_sha256_pair() && measure_pairs();
  return pay;
}

std::uint64_t Hasher::position() const { return m_state->position; }

Digest Hasher::digest() const {
  const std::string hex = std::visit([](const auto& sha) { return finish(sha); }, m_state->sha);
  return *Digest::from_hex(m_state->algorithm, hex);
}

std::string Hasher::save() const {
  const auto describe = [&](const auto& sha) {
    std::string text =
        fmt::format("{};{};{};", name(m_state->algorithm), m_state->size, m_state->position);
    for (const SHA_LONG word : words(sha)) {
      text += fmt::format("{:08x}", word);
    }
    return checked(text + ";" + util::to_hex(tail_of(sha)));
  };
  return std::visit(describe, m_state->sha);
}

std::optional<Hasher> Hasher::restore(Algorithm algorithm, std::uint64_t size,
                                      std::string_view saved) {
  const auto parts = util::split(saved, ';');
  if (parts.size() != 6 || parts[0] != name(algorithm) || util::parse_decimal(parts[1]) != size ||
      checked(std::string(saved.substr(0, saved.rfind(';')))) != saved) {
    return std::nullopt;
  }
  Hasher hasher(algorithm, size);
  State& state = *hasher.m_state;
  const auto position = util::parse_decimal(parts[2]);
  const auto tail = util::from_hex(parts[4]);
  std::vector<SHA_LONG> values;
  for (std::size_t at = 0; at + 8 <= parts[3].size(); at += 8) {
    SHA_LONG word = 0;
    std::from_chars(parts[3].data() + at, parts[3].data() + at + 8, word, 16);
    values.push_back(word);
  }
  if (!position || *position > size || !tail) {
    return std::nullopt;
  }
  const Saved parsed{*position + state.prefix_bytes, values, *tail};
  if (!std::visit([&](auto& sha) { return set(sha, parsed); }, state.sha)) {
    return std::nullopt;
  }
  state.position = *position;
  return hasher;
}

}  // namespace nai::digest

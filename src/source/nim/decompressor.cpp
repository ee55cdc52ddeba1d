// SPDX-License-Identifier: Apache-2.0
#include <source/nim/decompressor.hpp>

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_buffer_bytes = std::size_t{256} * 1024;
constexpr std::size_t k_magic_bytes = 4;
constexpr std::array k_gzip_magic{std::byte{0x1F}, std::byte{0x8B}};
constexpr std::array k_zstd_magic{std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F},
                                  std::byte{0xFD}};
constexpr int k_gzip_window_bits = 15 + 16;
// 128 MiB: what zstd's own tools take without being asked.
constexpr int k_max_zstd_window_log = 27;

[[noreturn]] void damaged_layer(std::string_view why) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("a layer cannot be unpacked: {}", why));
}

template <typename Magic>
bool begins_with(std::span<const std::byte> data, const Magic& magic) {
  return data.size() >= magic.size() && std::equal(magic.begin(), magic.end(), data.begin());
}

}  // namespace

struct Decompressor::State {
  enum class Format { unknown, plain, gzip, zstd, ended };

  explicit State(std::uint64_t limit) : max_output(limit), buffer(k_buffer_bytes) {}
  ~State() {
    if (gzip_begun) {
      inflateEnd(&gzip);
    }
    ZSTD_freeDStream(zstd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void begin();
  bool emit(std::span<const std::byte> data, const Take& take);
  bool push(std::span<const std::byte> data, const Take& take);
  bool inflate_some(std::span<const std::byte> data, const Take& take);
  bool decompress_zstd(std::span<const std::byte> data, const Take& take);

  std::uint64_t max_output;
  std::uint64_t output = 0;
  Format format = Format::unknown;
  std::vector<std::byte> head;  // until the format is known
  std::vector<std::byte> buffer;
  z_stream gzip{};
  bool gzip_begun = false;
  bool between_members = false;
  ZSTD_DStream* zstd = nullptr;
};

void Decompressor::State::begin() {
  if (begins_with(std::span<const std::byte>(head), k_gzip_magic)) {
    format = Format::gzip;
    if (inflateInit2(&gzip, k_gzip_window_bits) != Z_OK) {
      throw std::bad_alloc();
    }
    gzip_begun = true;
  } else if (begins_with(std::span<const std::byte>(head), k_zstd_magic)) {
    format = Format::zstd;
    zstd = ZSTD_createDStream();
    if (zstd == nullptr) {
      throw std::bad_alloc();
    }
    ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, k_max_zstd_window_log);
  } else {
    format = Format::plain;
  }
}

bool Decompressor::State::emit(std::span<const std::byte> data, const Take& take) {
  output += data.size();
  if (output > max_output) {
    damaged_layer(fmt::format("it unpacks to more than {}", util::format_bytes(max_output)));
  }
  return data.empty() || take(data);
}

bool Decompressor::State::push(std::span<const std::byte> data, const Take& take) {
  if (data.empty()) {
    return true;
  }
  switch (format) {
    case Format::gzip:
      return inflate_some(data, take);
    case Format::zstd:
      return decompress_zstd(data, take);
    case Format::plain:
      return emit(data, take);
    default:
      return true;
  }
}

bool Decompressor::State::inflate_some(std::span<const std::byte> data, const Take& take) {
  // zlib's interface predates const.
  gzip.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
  gzip.avail_in = static_cast<uInt>(data.size());
  while (gzip.avail_in > 0 || gzip.avail_out == 0) {
    if (between_members) {
      // Padding behind the last member is of no interest.
      if (*gzip.next_in != std::to_integer<Bytef>(k_gzip_magic.front())) {
        format = Format::ended;
        return true;
      }
      inflateReset(&gzip);
      between_members = false;
    }
    gzip.next_out = reinterpret_cast<Bytef*>(buffer.data());
    gzip.avail_out = static_cast<uInt>(buffer.size());
    const int result = ::inflate(&gzip, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      damaged_layer(gzip.msg != nullptr ? gzip.msg : "the gzip stream is damaged");
    }
    if (!emit(std::span(buffer).first(buffer.size() - gzip.avail_out), take)) {
      return false;
    }
    between_members = result == Z_STREAM_END;
    if (result == Z_BUF_ERROR || (between_members && gzip.avail_in == 0)) {
      break;
    }
  }
  return true;
}

bool Decompressor::State::decompress_zstd(std::span<const std::byte> data, const Take& take) {
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  bool full = false;
  while (in.pos < in.size || full) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const std::size_t result = ZSTD_decompressStream(zstd, &out, &in);
    if (ZSTD_isError(result) != 0) {
      damaged_layer(ZSTD_getErrorName(result));
    }
    if (!emit(std::span(buffer).first(out.pos), take)) {
      return false;
    }
    full = out.pos == out.size;
  }
  return true;
}

Decompressor::Decompressor(std::uint64_t max_output)
    : m_state(std::make_unique<State>(max_output)) {}

Decompressor::~Decompressor() = default;

bool Decompressor::push(std::span<const std::byte> data, const Take& take) {
  State& state = *m_state;
  if (state.format != State::Format::unknown) {
    return state.push(data, take);
  }
  // The head may come byte by byte.
  const std::size_t missing = std::min(data.size(), k_magic_bytes - state.head.size());
  state.head.insert(state.head.end(), data.begin(),
                    data.begin() + static_cast<std::ptrdiff_t>(missing));
  if (state.head.size() < k_magic_bytes) {
    return true;
  }
  state.begin();
  return state.push(state.head, take) && state.push(data.subspan(missing), take);
}

std::uint64_t Decompressor::output_bytes() const { return m_state->output; }

}  // namespace nai::source

// SPDX-License-Identifier: Apache-2.0
#include "support/mock/content.hpp"

#include "support/mock/digest.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace mock {

namespace {

constexpr std::size_t k_block_bytes = 4096;
constexpr std::size_t k_stamp_bytes = 16;
constexpr std::size_t k_tile_blocks = 256;
constexpr std::size_t k_hash_buffer_bytes = 256 * 1024;

void put_little_endian(std::uint64_t value, char* out) {
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<char>((value >> (8 * i)) & 0xffU);
  }
}

std::vector<char> make_tile() {
  std::vector<char> bytes(k_tile_blocks * k_block_bytes);
  std::uint64_t state = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    put_little_endian(splitmix64(state), &bytes[i]);
    state += 0x9e3779b97f4a7c15U;
  }
  return bytes;
}

const std::vector<char>& tile() {
  static const std::vector<char> s_tile = make_tile();
  return s_tile;
}

class Origin {
 public:
  virtual ~Origin() = default;
  virtual std::uint64_t size() const = 0;
  virtual void read(std::uint64_t offset, std::span<char> out) const = 0;
  virtual std::string key() const = 0;
};

class InlineOrigin : public Origin {
 public:
  explicit InlineOrigin(std::string bytes) : m_bytes(std::move(bytes)) {}

  std::uint64_t size() const override { return m_bytes.size(); }
  std::string key() const override { return ""; }

  void read(std::uint64_t offset, std::span<char> out) const override {
    std::copy_n(m_bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }

 private:
  std::string m_bytes;
};

class GeneratedOrigin : public Origin {
 public:
  GeneratedOrigin(std::string head, std::uint64_t seed, std::uint64_t size)
      : m_head(std::move(head)), m_seed(seed), m_size(size) {}

  std::uint64_t size() const override { return m_size; }

  std::string key() const override {
    return "generated:" + std::to_string(m_seed) + ":" + std::to_string(m_size) +
           (m_head.empty() ? "" : ":" + sha1_hex(m_head));
  }

  void read(std::uint64_t offset, std::span<char> out) const override {
    fill_generated(m_seed, offset, out);
    if (offset < m_head.size()) {
      const auto begin = static_cast<std::size_t>(offset);
      std::copy_n(m_head.data() + begin, std::min(out.size(), m_head.size() - begin), out.begin());
    }
  }

 private:
  std::string m_head;
  std::uint64_t m_seed;
  std::uint64_t m_size;
};

class ZeroOrigin : public Origin {
 public:
  explicit ZeroOrigin(std::uint64_t size) : m_size(size) {}

  std::uint64_t size() const override { return m_size; }
  std::string key() const override { return "zeros:" + std::to_string(m_size); }

  void read(std::uint64_t, std::span<char> out) const override {
    std::fill(out.begin(), out.end(), '\0');
  }

 private:
  std::uint64_t m_size;
};

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : m_fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (m_fd < 0) {
      throw std::system_error(errno, std::generic_category(), path);
    }
  }
  ~Descriptor() { ::close(m_fd); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return m_fd; }

 private:
  int m_fd;
};

class FileOrigin : public Origin {
 public:
  explicit FileOrigin(const std::filesystem::path& path)
      : m_path(std::filesystem::absolute(path).string()) {
    const Descriptor file(m_path);
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0) {
      throw std::system_error(errno, std::generic_category(), m_path);
    }
    m_size = static_cast<std::uint64_t>(status.st_size);
    m_key = "file:" + m_path + ":" + std::to_string(m_size) + ":" +
            std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
  }

  std::uint64_t size() const override { return m_size; }
  std::string key() const override { return m_key; }

  void read(std::uint64_t offset, std::span<char> out) const override {
    const Descriptor file(m_path);
    while (!out.empty()) {
      const ssize_t count = ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) {
        continue;
      }
      if (count <= 0) {
        throw std::runtime_error(m_path + " shrank or cannot be read");
      }
      offset += static_cast<std::uint64_t>(count);
      out = out.subspan(static_cast<std::size_t>(count));
    }
  }

 private:
  std::string m_path;
  std::uint64_t m_size = 0;
  std::string m_key;
};

std::string digest_of(const Origin& origin, const char* algorithm, const std::string& prefix) {
  Digester digester(algorithm);
  digester.update(prefix);
  std::vector<char> buffer(k_hash_buffer_bytes);
  for (std::uint64_t offset = 0; offset < origin.size();) {
    const auto count = std::min<std::uint64_t>(buffer.size(), origin.size() - offset);
    const auto piece = std::span(buffer).first(static_cast<std::size_t>(count));
    origin.read(offset, piece);
    digester.update(piece);
    offset += count;
  }
  return digester.finish();
}

}  // namespace

struct Content::Shared {
  explicit Shared(std::unique_ptr<Origin> with) : origin(std::move(with)) {}

  std::unique_ptr<Origin> origin;
  std::once_flag sha256_once;
  std::once_flag sha1_once;
  std::string sha256;
  std::string sha1;
};

Content::Content() : Content(inline_bytes("")) {}

Content::Content(std::shared_ptr<Shared> shared) : m_shared(std::move(shared)) {}

Content Content::inline_bytes(std::string bytes) {
  return Content(std::make_shared<Shared>(std::make_unique<InlineOrigin>(std::move(bytes))));
}

Content Content::generated(std::uint64_t seed, std::uint64_t size) {
  return generated_with_head("", seed, size);
}

Content Content::generated_with_head(std::string head, std::uint64_t seed, std::uint64_t size) {
  return Content(
      std::make_shared<Shared>(std::make_unique<GeneratedOrigin>(std::move(head), seed, size)));
}

Content Content::zeros(std::uint64_t size) {
  return Content(std::make_shared<Shared>(std::make_unique<ZeroOrigin>(size)));
}

Content Content::file(const std::filesystem::path& path) {
  return Content(std::make_shared<Shared>(std::make_unique<FileOrigin>(path)));
}

std::uint64_t Content::size() const { return m_shared->origin->size(); }

void Content::read(std::uint64_t offset, std::span<char> out) const {
  m_shared->origin->read(offset, out);
}

const std::string& Content::sha256() const {
  std::call_once(m_shared->sha256_once,
                 [this] { m_shared->sha256 = digest_of(*m_shared->origin, "SHA256", ""); });
  return m_shared->sha256;
}

const std::string& Content::git_blob_sha1() const {
  std::call_once(m_shared->sha1_once, [this] {
    const std::string prefix = "blob " + std::to_string(size()) + '\0';
    m_shared->sha1 = digest_of(*m_shared->origin, "SHA1", prefix);
  });
  return m_shared->sha1;
}

std::string Content::cache_key() const { return m_shared->origin->key(); }

void Content::assume_sha256(std::string_view hex) const {
  std::call_once(m_shared->sha256_once, [&] { m_shared->sha256 = hex; });
}

void fill_generated(std::uint64_t seed, std::uint64_t offset, std::span<char> out) {
  while (!out.empty()) {
    const std::uint64_t block = offset / k_block_bytes;
    const auto begin = static_cast<std::size_t>(offset % k_block_bytes);
    const std::size_t count = std::min(out.size(), k_block_bytes - begin);
    const auto tile_block =
        static_cast<std::size_t>(splitmix64(seed ^ splitmix64(block)) % k_tile_blocks);
    std::memcpy(out.data(), tile().data() + tile_block * k_block_bytes + begin, count);
    if (begin < k_stamp_bytes) {
      std::array<char, k_stamp_bytes> stamp{};
      put_little_endian(seed, stamp.data());
      put_little_endian(block, stamp.data() + 8);
      std::memcpy(out.data(), stamp.data() + begin, std::min(count, k_stamp_bytes - begin));
    }
    offset += count;
    out = out.subspan(count);
  }
}

}  // namespace mock

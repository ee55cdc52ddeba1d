// SPDX-License-Identifier: Apache-2.0
//
// The three parts of a verified download, each alone: what no client can do without. Prints the
// wall and processor seconds of each.
//
// usage: bench-parts receive URL BYTES CA_FILE   fetch and drop, four connections, ranges of 64 MiB
//        bench-parts write FILE BYTES            from one warm block: preallocated, O_DIRECT; on
//                                                tmpfs, where both only cost, neither
//        bench-parts hash BYTES                  SHA-256 of one warm block again and again
//        bench-parts hash-pairs BYTES            the same for two files together, where that pays
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/http/curl_client.hpp>

namespace {

using namespace nai;

constexpr std::uint64_t k_range_bytes = std::uint64_t{64} << 20U;
constexpr std::size_t k_block_bytes = std::size_t{1} << 20U;
constexpr int k_connections = 4;

class Drop final : public http::BodySink {
 public:
  bool on_response(const http::Response& head) override { return head.status == 206; }
  bool on_data(std::span<const std::byte>) override { return true; }
};

void receive(const std::string& address, std::uint64_t size, const std::string& ca_file) {
  http::CurlClientOptions options;
  options.extra_ca_files = {ca_file};
  const auto client = http::make_curl_client(options);
  const auto url = http::Url::parse(address).value();
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (std::uint64_t at = next.fetch_add(k_range_bytes); at < size && !failed;
         at = next.fetch_add(k_range_bytes)) {
      const http::Request request{.url = url,
                                  .range = util::ByteRange{at, std::min(k_range_bytes, size - at)}};
      Drop drop;
      const auto response = client->send(request, drop, {});
      failed = failed || response.error || response.status != 206;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < k_connections; ++i) {
      threads.emplace_back(work);
    }
  }
  if (failed) {
    throw std::runtime_error("the content could not be received");
  }
}

bool on_tmpfs(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

void write(const std::string& path, std::uint64_t size) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0644);
  if (fd < 0) {
    fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  }
  auto* block = static_cast<char*>(std::aligned_alloc(4096, k_block_bytes));
  std::fill_n(block, k_block_bytes, 'x');
  bool failed = fd < 0 || (!on_tmpfs(fd) && ::fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0);
  for (std::uint64_t at = 0; at < size && !failed; at += k_block_bytes) {
    failed = ::pwrite(fd, block, k_block_bytes, static_cast<off_t>(at)) !=
             static_cast<ssize_t>(k_block_bytes);
  }
  failed = failed || ::fdatasync(fd) != 0;
  ::close(fd);
  std::free(block);
  if (failed) {
    throw std::runtime_error("the file could not be written");
  }
}

void hash(std::uint64_t size) {
  digest::Hasher hasher(digest::Algorithm::sha256, size);
  const std::vector<std::byte> block(k_block_bytes);
  for (std::uint64_t at = 0; at < size; at += k_block_bytes) {
    hasher.update(std::span(block).first(std::min<std::uint64_t>(k_block_bytes, size - at)));
  }
  static_cast<void>(hasher.digest());
}

void hash_pairs(std::uint64_t size) {
  if (!digest::Hasher::pairs_pay()) {
    hash(size);
    return;
  }
  digest::Hasher first(digest::Algorithm::sha256, size);
  digest::Hasher second(digest::Algorithm::sha256, size);
  const std::vector<std::byte> one(k_block_bytes);
  const std::vector<std::byte> other(k_block_bytes);
  for (std::uint64_t at = 0; at < size; at += 2 * k_block_bytes) {
    digest::Hasher::update_pair(first, one, second, other);
  }
}

void run(const std::vector<std::string>& arguments) {
  const std::string part = arguments.at(0);
  if (part == "receive") {
    receive(arguments.at(1), std::stoull(arguments.at(2)), arguments.at(3));
  } else if (part == "write") {
    write(arguments.at(1), std::stoull(arguments.at(2)));
  } else if (part == "hash") {
    hash(std::stoull(arguments.at(1)));
  } else if (part == "hash-pairs") {
    hash_pairs(std::stoull(arguments.at(1)));
  } else {
    throw std::invalid_argument("receive, write, hash or hash-pairs");
  }
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);
  const auto begin = std::chrono::steady_clock::now();
  run({argv + 1, argv + argc});
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%.3f %.3f\n", wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench-parts: %s\n", error.what());
  return 1;
}

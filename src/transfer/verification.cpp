// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/verification.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "in_place.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

constexpr std::size_t k_buffer_bytes = std::size_t{1} << 20U;

// One call of verify(): its threads and what they share.
class Verification {
 public:
  Verification(const storage::Volume& volume, const std::vector<storage::FileIdentity>& files,
               Progress& progress, const std::stop_token& stop)
      : m_volume(volume),
        m_files(files),
        m_progress(progress),
        m_stop(stop),
        m_order(files.size()),
        m_results(files.size()) {
    // The largest first, so that none is left alone at the end.
    std::iota(m_order.begin(), m_order.end(), std::size_t{0});
    std::stable_sort(m_order.begin(), m_order.end(),
                     [&](std::size_t a, std::size_t b) { return files[a].size > files[b].size; });
  }

  std::vector<VerifiedFile> run(std::size_t threads);

 private:
  void work() noexcept;
  [[nodiscard]] VerifiedFile judge(const storage::FileIdentity& file, std::span<std::byte> buffer);
  [[nodiscard]] VerifiedFile read(const storage::FileIdentity& file, std::span<std::byte> buffer);

  const storage::Volume& m_volume;
  const std::vector<storage::FileIdentity>& m_files;
  Progress& m_progress;
  std::stop_token m_stop;
  std::vector<std::size_t> m_order;
  std::atomic<std::size_t> m_next{0};
  std::vector<VerifiedFile> m_results;  // each is written by one thread
  std::mutex m_mutex;
  std::exception_ptr m_failure;  // guarded by m_mutex
};

std::vector<VerifiedFile> Verification::run(std::size_t threads) {
  for (const auto& file : m_files) {
    m_progress.bytes_total += file.size;
  }
  m_progress.files_total = m_files.size();
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::clamp<std::size_t>(threads, 1, m_files.size() + 1); ++i) {
      workers.emplace_back([this] { work(); });
    }
  }
  if (m_failure) {
    std::rethrow_exception(m_failure);
  }
  if (m_stop.stop_requested()) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted");
  }
  return std::move(m_results);
}

void Verification::work() noexcept {
  try {
    std::vector<std::byte> buffer(k_buffer_bytes);
    for (auto at = m_next++; at < m_order.size() && !m_stop.stop_requested(); at = m_next++) {
      const std::size_t index = m_order[at];
      m_results[index] = judge(m_files[index], buffer);
      ++m_progress.files_done;
    }
  } catch (...) {
    const std::scoped_lock lock(m_mutex);
    m_failure = std::current_exception();
    m_next = m_order.size();
  }
}

VerifiedFile Verification::judge(const storage::FileIdentity& file, std::span<std::byte> buffer) {
  try {
    const auto status = util::stat_path(m_volume.layout().model_file(file.path));
    if (!status || !S_ISREG(status->st_mode)) {
      return {FileVerdict::missing, status ? "no regular file" : "nothing"};
    }
    const auto size = static_cast<std::uint64_t>(status->st_size);
    if (size != file.size) {
      return {FileVerdict::wrong, fmt::format("{} bytes instead of {}", size, file.size)};
    }
    return read(file, buffer);
  } catch (const util::Error& error) {
    return {FileVerdict::unreadable, error.what()};
  }
}

VerifiedFile Verification::read(const storage::FileIdentity& file, std::span<std::byte> buffer) {
  const auto note = [&](std::size_t bytes) {
    m_progress.bytes_hashed += bytes;
    m_progress.bytes_present += bytes;
  };
  const auto digest = digest_in_place(m_volume, file, {buffer, note, m_stop});
  if (!digest) {
    return {FileVerdict::missing, "nothing"};
  }
  if (*digest != file.digest) {
    return {FileVerdict::wrong,
            fmt::format("checksum {} instead of {}", digest->to_string(), file.digest.to_string())};
  }
  return {FileVerdict::right, ""};
}

}  // namespace

std::vector<VerifiedFile> verify(const storage::Volume& volume,
                                 const std::vector<storage::FileIdentity>& files,
                                 std::size_t threads, Progress& progress,
                                 const std::stop_token& stop) {
  return Verification(volume, files, progress, stop).run(threads);
}

}  // namespace nai::transfer

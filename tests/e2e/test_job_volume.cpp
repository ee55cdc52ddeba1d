// SPDX-License-Identifier: Apache-2.0
// What others do to a volume, and what a volume says of itself.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "e2e/huge.hpp"
#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

// The partial file of the only file that is being fetched.
std::filesystem::path work_of(const Job& job) {
  for (const auto& entry : std::filesystem::directory_iterator(job.mount() / "hf_cache/work")) {
    if (entry.path().extension() == ".part") {
      return entry.path();
    }
  }
  FAIL("no partial file");
  return {};
}

// A small file system of its own on the job's volume, gone with this object.
class SmallVolume {
 public:
  explicit SmallVolume(const Job& job) : m_mount(job.mount()) {
    m_mounted = ::geteuid() == 0 &&
                ::mount("tmpfs", m_mount.c_str(), "tmpfs", 0, "size=300m,mode=755") == 0;
  }
  ~SmallVolume() {
    if (m_mounted) {
      ::umount(m_mount.c_str());
    }
  }
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  [[nodiscard]] bool mounted() const { return m_mounted; }

 private:
  std::filesystem::path m_mount;
  bool m_mounted = false;
};

std::vector<std::filesystem::path> files_on(const Job& job) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(job.mount())) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  return files;
}

// A reader of a pipe waits for somebody to write into it, and a writer for somebody to read.
void put_pipe_in_place_of(const std::filesystem::path& file) {
  std::filesystem::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0644) == 0);
}

}  // namespace

// What a client on NFS v3 does not notice while it writes: every write and fsync succeeds.
TEST_CASE("work that somebody takes away or replaces is missed before it is published") {
  const auto weights = mock::Content::generated(1, 30'000'000);
  mock::Options options = over_tls();
  options.shaping.total_bytes_per_second = 20'000'000;
  options.cdn_send_buffer_bytes = 64 * 1024;
  mock::Registry registry(options);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights)}));
  const Job job(registry, "org/model");
  auto process = job.start();
  REQUIRE(registry.wait_for_content_bytes(8'000'000, 60s));
  const auto work = work_of(job);
  SECTION("removed") { std::filesystem::remove(work); }
  SECTION("renamed") { std::filesystem::rename(work, work.string() + ".away"); }
  SECTION("replaced by a file of the right size") {
    const auto other = job.mount() / "other";
    write_file(other, "other");
    std::filesystem::resize_file(other, weights.size());
    std::filesystem::rename(other, work);
  }
  const auto result = process.wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 6);
  CHECK_THAT(job.termination_message(),
             ContainsSubstring("was removed or replaced while it was being written"));
  CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
  CHECK(job.run().exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), weights));
}

TEST_CASE("a volume that says it has no room is tried all the same") {
  mock::Registry registry(over_tls());
  add_huge_model(registry);
  Job job(registry, "org/huge");
  const SmallVolume volume(job);
  if (!volume.mounted()) {
    SKIP("mounting is not allowed here");
  }
  job.environment["LOCK_DEAD_AFTER"] = "1s";
  leave_almost_everything(job);
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK_THAT(result.err, ContainsSubstring("200.0 GB are needed and the volume says it has ") &&
                             ContainsSubstring("trying all the same"));
  CHECK(result.exit_status == 0);
  CHECK(std::filesystem::file_size(job.model_file("model.safetensors")) == k_huge_size);
}

TEST_CASE("a pipe in the place of a file holds up no run") {
  mock::Options options = over_tls();
  options.shaping.total_bytes_per_second = 40'000'000;
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 8'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights),
                                                   mock::regular_file("config.json", "{}")}));
  Job job(registry, "org/model");
  job.environment["LOCK_DEAD_AFTER"] = "1s";
  const bool complete = GENERATE(true, false);
  const auto files_of_a_run = [&] {
    std::filesystem::remove_all(job.mount());
    std::filesystem::create_directory(job.mount());
    auto process = job.start();
    if (!complete) {
      REQUIRE(registry.wait_for_content_bytes(registry.content_bytes_served() + 4'000'000, 60s));
      process.send_signal(SIGKILL);
    }
    process.wait();
    return files_on(job);
  };
  REQUIRE(files_of_a_run().size() > 2);
  for (std::size_t i = 0;; ++i) {
    const auto files = files_of_a_run();
    if (i >= files.size()) {
      break;
    }
    put_pipe_in_place_of(files[i]);
    const auto result = job.run();
    INFO(files[i] << '\n' << result.out << result.err);
    CHECK((result.exit_status == 0 ||
           job.termination_message().find(files[i].string()) != std::string::npos));
    if (std::filesystem::is_fifo(files[i])) {
      std::filesystem::remove(files[i]);
    }
    CHECK(job.run().exit_status == 0);
    CHECK(same_content(job.model_file("model.safetensors"), weights));
  }
}

// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string_view>

#include <nai/util/memory_limit.hpp>

#include "support/temporary_directory.hpp"

using nai::util::memory_limit;

namespace {

struct Root {
  nai::test::TemporaryDirectory directory;

  void add(const std::filesystem::path& path, std::string_view content) const {
    std::filesystem::create_directories((directory.path() / path).parent_path());
    nai::test::write_file(directory.path() / path, content);
  }
  [[nodiscard]] auto limit() const { return memory_limit(directory.path()); }
};

}  // namespace

TEST_CASE("the memory limit is the least of the groups around the process") {
  const Root root;
  CHECK_FALSE(root.limit());
  root.add("proc/self/cgroup", "0::/pod/container\n");
  CHECK_FALSE(root.limit());
  root.add("sys/fs/cgroup/pod/container/memory.max", "max\n");
  CHECK_FALSE(root.limit());
  root.add("sys/fs/cgroup/pod/memory.max", "268435456\n");
  CHECK(root.limit() == 268'435'456);
  root.add("sys/fs/cgroup/pod/container/memory.max", "134217728\n");
  CHECK(root.limit() == 134'217'728);
}

TEST_CASE("a container that does not see its group's path reads the limit at the top") {
  const Root root;
  root.add("proc/self/cgroup", "0::/kubepods/burstable/pod1/abc\n");
  root.add("sys/fs/cgroup/memory.max", "100000000\n");
  CHECK(root.limit() == 100'000'000);
}

TEST_CASE("version 1 of control groups has a file and a hierarchy of its own") {
  const Root root;
  root.add("proc/self/cgroup", "garbage\n12:cpu,cpuacct:/x\n9:memory:/pod\n0::/\n");
  root.add("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK_FALSE(root.limit());
  root.add("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "536870912\n");
  CHECK(root.limit() == 536'870'912);
}

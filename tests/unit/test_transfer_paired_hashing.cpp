// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "transfer/paired_hashing.hpp"

using nai::transfer::PairedHashing;

namespace {

// What the threads were given, in groups of one or two.
class Hashed {
 public:
  PairedHashing::Hash hash() {
    return
        [this](const PairedHashing::File& first, const std::optional<PairedHashing::File>& second) {
          std::unique_lock lock(m_mutex);
          ++m_begun;
          m_changed.notify_all();
          m_changed.wait(lock, [this] { return m_open; });
          m_groups.push_back({first.index});
          if (second) {
            m_groups.back().insert(second->index);
          }
          m_changed.notify_all();
        };
  }
  // Nobody gets through until open().
  void shut() {
    const std::scoped_lock lock(m_mutex);
    m_open = false;
  }
  void open() {
    const std::scoped_lock lock(m_mutex);
    m_open = true;
    m_changed.notify_all();
  }
  void wait_until_begun(std::size_t count) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_begun >= count; });
  }
  std::vector<std::set<std::size_t>> wait_for(std::size_t count) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_groups.size() >= count; });
    return m_groups;
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  bool m_open = true;
  std::size_t m_begun = 0;
  std::vector<std::set<std::size_t>> m_groups;
};

using Groups = std::vector<std::set<std::size_t>>;

}  // namespace

TEST_CASE("files that are ready at the same time are hashed in pairs") {
  Hashed hashed;
  PairedHashing pairs(1, hashed.hash());
  hashed.shut();
  pairs.add({0, nullptr});
  hashed.wait_until_begun(1);  // alone, since no other came
  for (std::size_t index = 1; index <= 4; ++index) {
    pairs.add({index, nullptr});
  }
  hashed.open();
  CHECK(hashed.wait_for(3) == Groups{{0}, {1, 2}, {3, 4}});
}

TEST_CASE("a file that no other comes to is hashed alone") {
  Hashed hashed;
  PairedHashing pairs(2, hashed.hash());
  pairs.add({7, nullptr});
  CHECK(hashed.wait_for(1) == Groups{{7}});
}

TEST_CASE("a file may become ready again while it is handled, and after the end") {
  Hashed hashed;
  PairedHashing pairs(1, hashed.hash());
  hashed.shut();
  pairs.add({0, nullptr});
  hashed.wait_until_begun(1);
  pairs.add({1, nullptr});
  hashed.open();
  hashed.wait_for(2);
  pairs.stop();
  pairs.add({2, nullptr});
  CHECK(hashed.wait_for(2) == Groups{{0}, {1}});
}

TEST_CASE("who receives goes before who hashes") {
  std::atomic<int> niceness{-100};
  PairedHashing pairs(1,
                      [&](const PairedHashing::File&, const std::optional<PairedHashing::File>&) {
                        niceness = getpriority(PRIO_PROCESS, 0);  // of this thread
                        niceness.notify_all();
                      });
  pairs.add({0, nullptr});
  niceness.wait(-100);
  CHECK(niceness == std::min(getpriority(PRIO_PROCESS, 0) + 4, 19));
}

// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <future>
#include <span>
#include <stop_token>

#include "transfer/volume_threads.hpp"

using nai::transfer::VolumeThreads;

TEST_CASE("work beyond the limit of what waits is not taken") {
  std::promise<void> begun;
  std::promise<void> may_end;
  std::promise<void> done;
  std::atomic<int> runs{0};
  const auto count = [&](std::span<std::byte>, const std::stop_token&) { ++runs; };
  VolumeThreads threads(1);
  threads.post([&](std::span<std::byte>, const std::stop_token&) {
    begun.set_value();
    may_end.get_future().wait();
  });
  begun.get_future().wait();
  CHECK(threads.try_post(count, 2));
  CHECK(threads.try_post(count, 2));
  CHECK_FALSE(threads.try_post(count, 2));
  threads.post([&](std::span<std::byte>, const std::stop_token&) { done.set_value(); });
  may_end.set_value();
  done.get_future().wait();
  CHECK(runs == 2);
}

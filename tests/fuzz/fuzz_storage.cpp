// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <span>

#include <fmt/format.h>

#include <nai/digest/block_checksum.hpp>
#include <nai/digest/hasher.hpp>
#include <nai/storage/digest_trail.hpp>
#include <nai/storage/inventory.hpp>
#include <nai/storage/journal.hpp>
#include <nai/storage/record.hpp>
#include <nai/storage/shards.hpp>

#include "fuzz/input.hpp"
#include "storage/lease.hpp"
#include "support/captured_log.hpp"
#include "support/temporary_directory.hpp"

// What lies on a volume: anybody may have written there.

namespace {

using namespace nai;
using nai::fuzz::require;

constexpr std::uint64_t k_size = 100'000;

storage::FileIdentity file() {
  return {.path = "model.bin",
          .size = k_size,
          .digest = digest::Digest::parse("sha256:" + std::string(64, 'a')).value()};
}

// A line's seal is its checksum; without this, hardly an input would pass it.
std::string sealed(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    const std::string body(lines.substr(0, end));
    const auto checksum = digest::block_checksum(std::as_bytes(std::span(body))) >> 32U;
    text += fmt::format("{} {:08x}\n", body, checksum);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text;
}

void journal(const std::string& text) {
  const auto loaded = storage::parse_journal(text, file());
  if (!loaded.content) {
    return;
  }
  for (const auto& range : loaded.content->durable.ranges()) {
    require(range.end() <= k_size);
  }
  for (const auto& block : loaded.content->unsynced) {
    require(block.range.end() <= k_size);
  }
  if (loaded.content->hasher) {
    require(loaded.content->durable.contains({0, loaded.content->hasher->position()}));
  }
}

void record(const std::string& text) {
  static const test::TemporaryDirectory directory;
  const auto path = directory.path() / "record.json";
  test::write_file(path, text);
  test::CapturedLog log;
  static_cast<void>(storage::load_record(path, log));
}

void trail(const std::string& text) {
  static const test::TemporaryDirectory directory;
  const auto path = directory.path() / "model.states";
  test::write_file(path, text);
  std::uint64_t last = 0;
  const auto loaded = storage::DigestTrail::load(path, file());
  for (const auto& state : loaded.states()) {
    require(state.position() > last && state.position() <= k_size);
    last = state.position();
  }
}

void published_log(const std::string& text) {
  static const test::TemporaryDirectory directory;
  static const storage::Layout layout(directory.path());
  test::write_file(layout.published_log(), text);
  test::CapturedLog log;
  const storage::Inventory inventory(layout, log);
  // Nothing is there, whatever is said.
  require(inventory.state_of(file()) == storage::FileState::absent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  static const std::string k_header = R"(nai-journal 1 {"digest":"sha256:)" + std::string(64, 'a') +
                                      R"(","path":"model.bin","size":100000})" + "\n";
  switch (input.choice) {
    case 'j':
      journal(input.text);
      break;
    case 'r':
      record(input.text);
      break;
    case 'l':
      static_cast<void>(storage::parse_lease(input.text));
      break;
    case 's':
      if (const auto plan = storage::parse_shard_plan(input.text)) {
        require(plan->count >= 1 && plan->count <= storage::k_max_shards);
      }
      break;
    case 'h':
      static_cast<void>(digest::Hasher::restore(digest::Algorithm::sha256, k_size, input.text));
      break;
    case 't':
      trail(input.text);
      break;
    case 'p':
      published_log(input.text);
      break;
    case 'd':
      static_cast<void>(digest::Digest::parse(input.text));
      break;
    default:
      journal(sealed(k_header + input.text));
  }
  return 0;
}

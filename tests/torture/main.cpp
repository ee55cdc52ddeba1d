// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "torture/trials.hpp"

namespace {

using namespace nai::torture;

struct Settings {
  std::size_t most = 1'000'000;  // trials of each fault
  std::size_t mixed = 1500;
  std::size_t least = 0;
  std::uint64_t seed = 1;
  std::size_t threads = 2;
  std::string only;
  bool wire = true;
  bool pairs = true;
};

constexpr const char* k_usage =
    "usage: nai_torture [--most N] [--mixed N] [--seed N] [--threads N] [--only WORDS]\n"
    "                   [--wire no] [--pairs no] [--least N]\n"
    "  --most     trials of each fault at most (all)\n"
    "  --mixed    runs with random faults on the wire (1500)\n"
    "  --seed     of those (1)\n"
    "  --threads  trials at the same time (2)\n"
    "  --only     faults whose name contains WORDS\n"
    "  --wire     each fault on the wire (yes)\n"
    "  --pairs    two runs on one volume (yes)\n"
    "  --least    fail unless so many faults were injected (0)\n"
    "Environment: NAI_BINARY, the executable\n";

std::optional<Settings> read_arguments(std::span<char*> arguments) {
  Settings settings;
  for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--only") {
      settings.only = value;
    } else if (name == "--wire") {
      settings.wire = value != "no";
    } else if (name == "--pairs") {
      settings.pairs = value != "no";
    } else if (name == "--most") {
      settings.most = std::stoul(value);
    } else if (name == "--mixed") {
      settings.mixed = std::stoul(value);
    } else if (name == "--least") {
      settings.least = std::stoul(value);
    } else if (name == "--seed") {
      settings.seed = std::stoul(value);
    } else if (name == "--threads") {
      settings.threads = std::stoul(value);
    } else {
      return std::nullopt;
    }
  }
  return arguments.size() % 2 == 1 ? std::optional(settings) : std::nullopt;
}

void append(Trials& trials, const Trials& more) {
  trials.insert(trials.end(), more.begin(), more.end());
}

Trials all_trials(const Settings& settings, Table& table) {
  Trials trials = mixed_wire_trials(settings.mixed, settings.seed);
  append(trials, settings.wire ? thinned(wire_trials(), settings.most) : Trials{});
  append(trials, settings.pairs ? pair_trials() : Trials{});
  if (!can_trace()) {
    table.skip("faults at system calls", "ptrace is not allowed here, or this is no x86-64");
    return trials;
  }
  World world;
  append(trials, thinned(crash_trials(world), settings.most));
  append(trials, thinned(volume_trials(world), settings.most));
  append(trials, thinned(stop_trials(world), settings.most));
  return trials;
}

}  // namespace

int main(int count, char** values) {
  const auto settings = read_arguments({values, static_cast<std::size_t>(count)});
  if (!settings || std::getenv("NAI_BINARY") == nullptr) {
    fmt::print(stderr, "{}", k_usage);
    return 2;
  }
  const auto begin = std::chrono::steady_clock::now();
  Table table;
  Trials trials = all_trials(*settings, table);
  std::erase_if(trials, [&](const Trial& trial) {
    return trial.fault.find(settings->only) == std::string::npos;
  });
  run_trials(trials, settings->threads, table);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
  fmt::print("{}{} faults injected in {} s: {}\n", table.text(), table.tries(), seconds.count(),
             table.good() ? "nothing wrong, nothing lost, nothing stuck" : "NOT GOOD");
  fmt::print(stderr, "{}", table.complaints());
  const bool enough = table.tries() >= settings->least;
  if (!enough) {
    fmt::print(stderr, "too few faults were injected: {}, expected at least {}\n", table.tries(),
               settings->least);
  }
  return table.good() && enough ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fmt/format.h>

#include "torture/scenario.hpp"
#include "torture/trials.hpp"

namespace nai::torture {

namespace {

constexpr int k_storage = 6;
constexpr int k_no_space = 7;

struct Fault {
  std::string name;
  std::vector<Injection> injections;
  std::set<int> statuses;  // besides 0
};

struct Error {
  const char* name;
  int number;
  std::set<Call> calls;  // where file systems give it
};

const std::vector<Error>& errors() {
  static const std::set<Call> k_growing{Call::create, Call::write,  Call::sync,     Call::mkdir,
                                        Call::link,   Call::rename, Call::allocate, Call::truncate};
  static const std::set<Call> k_all{Call::create, Call::open,   Call::read,    Call::write,
                                    Call::sync,   Call::rename, Call::link,    Call::unlink,
                                    Call::mkdir,  Call::rmdir,  Call::stat,    Call::truncate,
                                    Call::chmod,  Call::close,  Call::allocate};
  static const std::set<Call> k_names{Call::create, Call::open,  Call::rename, Call::link,
                                      Call::unlink, Call::mkdir, Call::rmdir,  Call::chmod};
  static const std::vector<Error> k_errors{
      {"ENOSPC", ENOSPC, k_growing}, {"EDQUOT", EDQUOT, k_growing}, {"EIO", EIO, k_all},
      {"ESTALE", ESTALE, k_all},     {"EROFS", EROFS, k_names},     {"EACCES", EACCES, k_names}};
  return k_errors;
}

Injection at(const std::set<Call>& calls, Action action, std::uint64_t first,
             std::uint64_t count = 1) {
  Injection injection{.calls = calls};
  injection.action = action;
  injection.first = first;
  injection.count = count;
  return injection;
}

Injection failing(Call call, int error, std::uint64_t count = Injection::k_all) {
  Injection injection = at({call}, Action::fail, 1, count);
  injection.error = error;
  return injection;
}

Outcome try_fault(World& world, const Fault& fault, const Scenario& scenario) {
  const auto job = scenario.prepare(world);
  return world.conclude(job, world.run(job, fault.injections), {.statuses = fault.statuses});
}

void add(Trials& trials, Fault fault, const Scenario& scenario = scenarios().front()) {
  const std::string name = fault.name;
  trials.push_back({name, [fault = std::move(fault), scenario](World& world) {
                      return try_fault(world, fault, scenario);
                    }});
}

// Every error at every call that can give it, once, and from there on.
void add_errors(Trials& trials, const World& world, const Scenario& scenario) {
  for (const Error& error : errors()) {
    const auto calls = calls_of(world, scenario, error.calls);
    const bool space = error.number == ENOSPC || error.number == EDQUOT;
    for (std::uint64_t n = 1; n <= calls.size(); ++n) {
      for (const std::uint64_t count : {std::uint64_t{1}, Injection::k_all}) {
        Injection injection = at(error.calls, Action::fail, n, count);
        injection.error = error.number;
        add(trials,
            {fmt::format("{} {}", error.name, count == 1 ? "once" : "from then on"),
             {injection},
             {space ? k_no_space : k_storage}},
            scenario);
      }
    }
  }
}

// Features that some file systems do not have, and errors that mean nothing.
void add_tolerated(Trials& trials) {
  add(trials, {"chmod: EPERM", {failing(Call::chmod, EPERM)}, {}});
  add(trials, {"fallocate: EOPNOTSUPP", {failing(Call::allocate, EOPNOTSUPP)}, {}});
  add(trials, {"flock: ENOLCK", {failing(Call::flock, ENOLCK)}, {}});
  add(trials, {"flock: EOPNOTSUPP", {failing(Call::flock, EOPNOTSUPP)}, {}});
  add(trials, {"flock lies", {at({Call::flock}, Action::pretend, 1, Injection::k_all)}, {}});
  add(trials,
      {"every write is short", {at({Call::write}, Action::shorten, 1, Injection::k_all)}, {}});
  for (const Call call : {Call::create, Call::open, Call::read, Call::write, Call::sync}) {
    add(trials, {fmt::format("{}: EINTR", name_of(call)), {failing(call, EINTR, 3)}, {}});
  }
  // Nothing is lost that was synced; what was not is no content.
  for (const int error : {ENOSPC, EDQUOT, EIO}) {
    add(trials, {"close fails", {failing(Call::close, error)}, {k_storage, k_no_space}});
  }
  Injection nothing = at({Call::write}, Action::fail, 5, Injection::k_all);
  nothing.error = 0;
  add(trials, {"write takes nothing", {nothing}, {k_storage, k_no_space}});
}

// What an NFS server does that is full or gone: writes succeed into the client's memory, one later
// write or fsync fails, and everything after that succeeds again.
void add_lost_writes(Trials& trials) {
  for (std::uint64_t first = 1; first <= 24; ++first) {
    for (const std::uint64_t count : {1U, 3U, 8U}) {
      for (const char* files : {"model-00001", "model-00001-of-00002.safetensors.", ".part",
                                "/.nai/", ".states", "model-files/.cache"}) {
        Injection lost = at({Call::write, Call::sync, Call::close}, Action::lose, first, count);
        lost.path_contains = files;
        lost.error = first % 2 == 0 ? ENOSPC : EIO;
        add(trials, {"writes lost, told once", {lost}, {k_storage, k_no_space}});
      }
    }
  }
}

}  // namespace

Trials volume_trials(World& world) {
  Trials trials;
  for (const Scenario& scenario : scenarios()) {
    add_errors(trials, world, scenario);
  }
  add_tolerated(trials);
  add_lost_writes(trials);
  return trials;
}

}  // namespace nai::torture

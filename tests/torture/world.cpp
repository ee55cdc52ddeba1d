// SPDX-License-Identifier: Apache-2.0
#include "torture/world.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "torture/deadline.hpp"

namespace nai::torture {

namespace {

constexpr std::chrono::seconds k_patience{60};
constexpr std::uint64_t k_mib = std::uint64_t{1} << 20U;

std::string told(const test::ProcessResult& process) {
  constexpr std::size_t k_enough = 1500;
  std::string text = process.err.empty() ? process.out : process.err;
  return text.size() > k_enough ? "…" + text.substr(text.size() - k_enough) : text;
}

// A file larger than a chunk, so that it has a checkpoint; one that one request fetches; regular
// files, one of them empty, one in a directory.
std::vector<mock::File> model(std::uint64_t seed) {
  return {mock::lfs_file("model-00001-of-00002.safetensors",
                         mock::Content::generated(seed, 6 * k_mib + 4321)),
          mock::lfs_file("model-00002-of-00002.safetensors", mock::Content::generated(77, 900'001)),
          mock::regular_file("config.json", fmt::format("{{\"seed\": {}}}", seed)),
          mock::regular_file("empty.txt", "")};
}

const std::string k_token = "hf_TortureTortureTortureTorture";

mock::Options options() {
  mock::Options options = test::over_tls();
  options.tokens = {{"somebody", k_token}};
  return options;
}

bool tells_secrets(const std::string& text) {
  return text.find(k_token) != std::string::npos ||
         text.find("X-Amz-Signature") != std::string::npos;
}

}  // namespace

World::World() : m_registry(options()), m_main(model(1)), m_next(model(2)) {
  m_main.push_back(mock::regular_file("old/only.json", "{\"old\": true}"));
  m_next.push_back(mock::regular_file("new/deep/tokenizer.json", std::string(70'000, 't')));
  mock::Repository repository;
  repository.id = "org/model";
  repository.add_commit(m_main, "main");
  repository.add_commit(m_next, "next");
  m_registry.add(repository);
}

const std::vector<mock::File>& World::files(const std::string& revision) const {
  return revision == "next" ? m_next : m_main;
}

test::Job World::fresh_job(const std::string& revision) const {
  test::Job job(m_registry, "org/model");
  job.environment.merge(test::Process::Environment{{"HF_TOKEN", k_token},
                                                   {"CONNECTIONS", "2"},
                                                   {"CHUNK_SIZE", "1MiB"},
                                                   {"BLOCK_SIZE", "256KiB"},
                                                   {"SYNC_INTERVAL", "100ms"},
                                                   {"MAX_RETRIES", "3"},
                                                   {"RETRY_DELAY", "1ms"},
                                                   {"STALL_TIMEOUT", "1s"},
                                                   {"CONNECT_TIMEOUT", "1s"},
                                                   {"LOCK_DEAD_AFTER", "2s"}});
  job.environment["REPO_VERSION"] = revision;
  return job;
}

TracedResult World::run(const test::Job& job) const {
  TracedResult result;
  auto process = job.start();
  {
    const Deadline deadline(k_patience, [&] {
      result.timed_out = true;
      process.send_signal(SIGKILL);
    });
    result.process = process.wait();
  }
  return result;
}

TracedResult World::run(const test::Job& job, std::vector<Injection> injections) const {
  for (Injection& injection : injections) {
    injection.below = injection.below.empty() ? job.mount().string() : injection.below;
  }
  return run_traced({std::getenv("NAI_BINARY")}, job.environment, injections, k_patience);
}

void World::leave_half(const test::Job& job) const {
  Injection half{.calls = {Call::write}, .path_contains = ".part"};
  half.action = Action::kill_before;
  half.first = 13;
  static_cast<void>(run(job, {half}));
}

bool World::belongs(const test::Job& job, const std::string& path) const {
  for (const auto* files : {&m_main, &m_next}) {
    for (const mock::File& file : *files) {
      if (file.path == path && test::same_content(job.model_file(path), file.content)) {
        return true;
      }
    }
  }
  return false;
}

std::vector<std::string> World::wrong_files(const test::Job& job) const {
  std::vector<std::string> wrong = wrong_in_record(job);
  const auto root = job.mount() / "model-files";
  if (!std::filesystem::exists(root)) {
    return wrong;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto path = std::filesystem::relative(entry.path(), root).string();
    const bool directory = entry.is_directory() && !entry.is_symlink();
    // Names that NFS gives to removed files that are still open.
    const bool silly = entry.path().filename().string().starts_with(".nfs");
    // What huggingface_hub looks for is checked elsewhere, and holds no content.
    const bool metadata =
        path.starts_with(".cache/huggingface/") || path.starts_with(".huggingface/");
    if (!directory && !silly && !metadata && !belongs(job, path)) {
      wrong.push_back(path);
    }
  }
  return wrong;
}

// The record is written last of all: what it says must be so from its first appearance on.
std::vector<std::string> World::wrong_in_record(const test::Job& job) const {
  const auto record = job.mount() / ".nai/record.json";
  if (!std::filesystem::exists(record)) {
    return {};
  }
  const auto json = nlohmann::json::parse(test::read_file(record), nullptr, false);
  if (json.is_discarded()) {
    return {"record.json is no JSON"};
  }
  std::vector<std::string> wrong;
  for (const auto& file : json.value("files", nlohmann::json::array())) {
    const auto path = file.value("path", "");
    if (!belongs(job, path)) {
      wrong.push_back("on record: " + path);
    }
  }
  return wrong;
}

std::set<std::string> World::complete_files(const test::Job& job) const {
  std::set<std::string> complete;
  for (const mock::File& file : files(job.environment.at("REPO_VERSION"))) {
    if (std::filesystem::exists(job.model_file(file.path)) &&
        test::same_content(job.model_file(file.path), file.content)) {
      complete.insert(file.path);
    }
  }
  return complete;
}

void World::judge_end(const test::Job& job, const TracedResult& result, const Allowed& allowed,
                      Outcome& outcome) const {
  const auto& process = result.process;
  const std::string at = result.hit.empty() ? "" : fmt::format(" at {}", result.hit);
  if (result.timed_out || process.wall_time > allowed.within) {
    outcome.hung = true;
    outcome.why.push_back(
        fmt::format("took {} ms{}: {}", process.wall_time.count(), at, told(process)));
    return;
  }
  if (process.signal == SIGKILL && allowed.killed) {
    return;
  }
  if (process.exit_status == 0) {
    const auto wanted = files(job.environment.at("REPO_VERSION")).size();
    if (complete_files(job).size() != wanted) {
      outcome.blame(fmt::format("ended with 0{}, but files are missing", at));
    }
    return;
  }
  if (!allowed.statuses.contains(process.exit_status)) {
    outcome.blame(fmt::format("ended with {}, signal {}{}: {}", process.exit_status, process.signal,
                              at, told(process)));
  } else if (job.termination_message().empty()) {
    outcome.blame(fmt::format("no termination message{}", at));
  }
}

void World::judge_secrets(const test::Job& job, const TracedResult& result,
                          Outcome& outcome) const {
  if (tells_secrets(result.process.out + result.process.err + job.termination_message())) {
    outcome.blame("a secret was told: " + told(result.process));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(job.mount())) {
    const bool content = entry.path().extension() == ".part" ||
                         entry.path().extension() == ".safetensors" || !entry.is_regular_file();
    if (!content && tells_secrets(test::read_file(entry.path()))) {
      outcome.blame("a secret is in " + entry.path().string());
    }
  }
}

void World::judge_recovery(const test::Job& job, const std::set<std::string>& before,
                           Outcome& outcome) {
  m_registry.clear_log();
  const TracedResult recovery = run(job);
  if (recovery.timed_out) {
    outcome.hung = true;
    outcome.why.push_back("the next run hung: " + told(recovery.process));
  } else if (recovery.process.exit_status != 0) {
    outcome.blame("the next run failed: " + told(recovery.process));
  }
  const auto after = complete_files(job);
  if (after.size() != files(job.environment.at("REPO_VERSION")).size()) {
    outcome.blame("the next run left files out");
  }
  std::set<std::string> fetched;
  for (const auto& request : m_registry.requests()) {
    const bool content = request.kind == mock::RequestKind::content ||
                         request.kind == mock::RequestKind::resolve_cache;
    if (content && request.body_bytes > 0) {
      fetched.insert(request.file);
    }
  }
  for (const std::string& path : before) {
    if (!after.contains(path) || fetched.contains(path)) {
      ++outcome.lost_files;
      outcome.why.push_back(path + " was complete and is lost or was fetched again");
    }
  }
}

Outcome World::conclude(const test::Job& job, const TracedResult& result, const Allowed& allowed,
                        const std::function<void()>& heal) {
  Outcome outcome;
  judge_end(job, result, allowed, outcome);
  judge_secrets(job, result, outcome);
  auto wrong = wrong_files(job);
  const auto before = complete_files(job);
  if (heal) {
    heal();
  }
  judge_recovery(job, before, outcome);
  for (const std::string& path : wrong_files(job)) {
    wrong.push_back("after the next run: " + path);
  }
  outcome.wrong_files = static_cast<unsigned>(wrong.size());
  for (const std::string& path : wrong) {
    outcome.why.push_back("wrong: " + path);
  }
  for (const std::string& violation : m_registry.violations()) {
    outcome.blame("violation: " + violation);
  }
  if (!outcome.good()) {
    outcome.why.push_back(fmt::format("(after {})", result.hit.empty() ? "the fault" : result.hit));
  }
  return outcome;
}

}  // namespace nai::torture

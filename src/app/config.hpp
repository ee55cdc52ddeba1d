// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nai/http/url.hpp>
#include <nai/source/nim.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/transfer/download.hpp>

namespace nai::app {

// The environment variables of the process, or a test's.
using Environment = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] Environment read_environment(const char* const* variables);

enum class Provider { hugging_face, nim };
enum class OutputFormat { hugging_face, nim };
enum class LogFormat { text, json };
enum class LogLevel { quiet, normal, debug };

// How the run talks to people. Kept apart because a mistake elsewhere in the configuration has to
// be told in this way.
struct OutputConfig {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::normal;
  // Empty: widens as the run gets long. Zero: no progress lines.
  std::optional<std::chrono::milliseconds> progress_interval = {};
  std::filesystem::path termination_file = "/dev/termination-log";
  bool termination_file_named = false;  // given by the environment or a flag: it may be created
};

// A token or key. Never print `value`.
struct Credential {
  std::string value;   // empty: none
  std::string origin;  // "HF_TOKEN", "the file /run/token"; empty when there is none
  std::vector<std::string> notes = {};  // places that were named and had none, for people
};

// A certificate file or directory to trust besides the built-in store.
struct ExtraCa {
  std::string variable;
  std::filesystem::path path;
};

// What only some of the commands read.
struct CommandOptions {
  bool json = false;            // one document in place of lines
  bool files = false;           // resolve: each file
  bool kubernetes = false;      // resolve: manifests
  bool repair = false;          // verify
  bool against_source = false;  // verify
  std::string image;            // resolve: for the manifests
  std::string nfs_server;       // check: host name or address; empty: not told
  std::string shell;            // completion: for which
};

// Which part of the model this run brings.
struct ShardConfig {
  std::uint64_t count = 1;             // 1: all of it
  std::optional<std::uint64_t> index;  // below `count`; set if that is more than 1
};

// Everything a run is told, checked. Defaults are in the table of settings.
struct Config {
  std::string command;
  bool show_help = false;
  bool show_version = false;

  Provider provider = Provider::hugging_face;
  std::optional<OutputFormat> output_format = {};  // set once loaded
  // "org/name" for the Hub, the image reference as given for NIM. Empty only for commands that can
  // do without.
  std::string repository;
  std::string image_digest;  // of an image; not a setting: a repair follows what is recorded
  std::string revision;      // empty: the default branch
  std::string model_name;
  std::vector<std::string> include;
  std::vector<std::string> exclude;

  // Of an image: what to bring of it.
  source::ProfileWishes wishes = {};
  std::string platform;
  std::filesystem::path manifest_file;  // in place of the image's own model manifest
  std::string registry_user;
  Credential registry_password;

  std::optional<http::Url> hub_endpoint;
  std::optional<http::Url> ngc_api_endpoint;
  std::optional<http::Url> ngc_auth_endpoint;
  Credential hub_token;
  Credential ngc_key;
  std::filesystem::path token_file;
  std::filesystem::path secret_directory;
  std::vector<ExtraCa> extra_ca;
  std::chrono::seconds connect_timeout{};
  std::chrono::seconds stall_timeout{};

  std::filesystem::path output_mount;
  bool local_metadata = true;  // what huggingface_hub keeps of a local directory
  bool keep_hub_cache = false;
  transfer::Options transfer = {};
  ShardConfig shards = {};
  storage::VolumeLockOptions lock = {};
  OutputConfig output = {};
  std::filesystem::path metrics_file;  // empty: none
  CommandOptions options = {};
};

// The configuration from arguments (without the program's name) and environment. Reads token files
// and nothing else. Throws Error{usage} that names variable and flag, the value (never a token) and
// what is accepted.
[[nodiscard]] Config load_config(std::span<const char* const> arguments,
                                 const Environment& environment);

// The part that is needed to report a configuration that load_config() refuses: mistakes in it are
// passed over.
[[nodiscard]] OutputConfig load_output_config(std::span<const char* const> arguments,
                                              const Environment& environment);

// Every secret that the environment holds: tokens, and passwords in the addresses of proxies and
// endpoints.
[[nodiscard]] std::vector<std::string> secrets_in(const Environment& environment);

}  // namespace nai::app

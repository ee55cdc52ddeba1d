// SPDX-License-Identifier: Apache-2.0
#include "app/settings.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include <nai/storage/shards.hpp>
#include <nai/util/units.hpp>

#include "app/setters.hpp"
#include "app/setting_values.hpp"

namespace nai::app {

namespace {

using namespace std::chrono_literals;
using enum SettingGroup;
using std::string_view;
using std::chrono::milliseconds;
using util::k_gib;
using util::k_kib;

template <typename Value>
using Choice = std::pair<string_view, Value>;

constexpr std::array<Choice<Provider>, 2> k_providers{
    {{"hf", Provider::hugging_face}, {"nim", Provider::nim}}};
constexpr std::array<Choice<OutputFormat>, 2> k_output_formats{
    {{"hf", OutputFormat::hugging_face}, {"nim", OutputFormat::nim}}};
constexpr std::array<Choice<LogFormat>, 2> k_log_formats{
    {{"text", LogFormat::text}, {"json", LogFormat::json}}};
constexpr std::array<Choice<LogLevel>, 3> k_log_levels{
    {{"quiet", LogLevel::quiet}, {"normal", LogLevel::normal}, {"debug", LogLevel::debug}}};

std::string set_output_format(Config& config, string_view value) {
  return set_choice(config.output_format.emplace(), value, k_output_formats);
}

template <const char* variable>
std::string add_ca(Config& config, string_view value) {
  config.extra_ca.push_back({variable, std::filesystem::path(value)});
  return {};
}

constexpr char k_ssl_cert_file[] = "SSL_CERT_FILE";
constexpr char k_ssl_cert_dir[] = "SSL_CERT_DIR";
constexpr char k_requests_ca_bundle[] = "REQUESTS_CA_BUNDLE";
constexpr char k_curl_ca_bundle[] = "CURL_CA_BUNDLE";

template <std::chrono::seconds Config::*member>
std::string set_seconds(Config& config, string_view value, Limits<milliseconds> limits) {
  milliseconds duration{0};
  auto problem = set_duration(duration, value, limits);
  config.*member = std::chrono::ceil<std::chrono::seconds>(duration);
  return problem;
}

std::string set_switch(bool& target) {
  target = true;
  return {};
}

// clang-format off
constexpr auto k_settings = std::to_array<Setting>({
    {.group = model, .variable = "PROVIDER", .flag = "--provider",
     .value_name = "hf|nim", .preset = "hf",
     .help = "Where the model comes from: the Hugging Face Hub, or a NIM image",
     .apply = [](Config& c, string_view v) { return set_choice(c.provider, v, k_providers); }},
    {.group = model, .variable = "REPO_ID", .flag = "--repo-id",
     .value_name = "ORG/NAME",
     .help = "The repository, bare or as https://huggingface.co/ORG/NAME; for nim the image, such as "
             "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2. Required, but not by check and verify",
     .apply = set_repository},
    {.group = model, .variable = "REPO_VERSION", .flag = "--repo-version",
     .value_name = "REVISION",
     .help = "A branch, a tag, refs/pr/N, or a short or full commit; without it the default branch",
     .apply = [](Config& c, string_view v) { return set_revision(c.revision, v); }},
    {.group = model, .variable = "MODEL_NAME", .flag = "--model-name",
     .value_name = "NAME",
     .help = "The name for logs and the completion record; without it REPO_ID",
     .apply = [](Config& c, string_view v) { return set_model_name(c.model_name, v); }},
    {.group = model, .variable = "ALLOW_PATTERNS", .flag = "--include",
     .value_name = "PATTERNS",
     .help = R"(Only files that match one of these, such as "*.json,*.txt" or ["*.json", "*.txt"]. )"
             "Without it, weights in other formats than the repository's main one are left out",
     .apply = [](Config& c, string_view v) { return add_patterns(c.include, v); },
     .repeatable = true},
    {.group = model, .variable = "IGNORE_PATTERNS", .flag = "--exclude",
     .value_name = "PATTERNS", .help = "No file that matches one of these",
     .apply = [](Config& c, string_view v) { return add_patterns(c.exclude, v); },
     .repeatable = true},

    {.group = model, .variable = "NIM_MODEL_PROFILE", .flag = "--nim-model-profile",
     .value_name = "PROFILE",
     .help = "The profile of a NIM to bring, by id or name; without this and the next three, the "
             "profiles are only listed",
     .apply = [](Config& c, string_view v) { return set_model_name(c.wishes.profile, v); }},
    {.group = model, .variable = "NIM_TAGS_SELECTOR", .flag = "--nim-tags-selector",
     .value_name = "TAGS", .help = "Tags that the profile must have, such as tp=1,precision=bf16",
     .apply = [](Config& c, string_view v) { return add_tags(c.wishes.tags, v); }},
    {.group = model, .variable = "GPU_PRODUCT", .flag = "--gpu-product",
     .value_name = "NAME", .help = "The GPU of the endpoint, such as NVIDIA-L40S; helps to choose",
     .apply = [](Config& c, string_view v) { return set_model_name(c.wishes.gpu_product, v); }},
    {.group = model, .variable = "GPU_COUNT", .flag = "--gpu-count",
     .value_name = "NUMBER", .help = "How many of them it has", .apply = set_gpu_count},
    {.group = model, .variable = "NIM_PLATFORM", .flag = "--nim-platform",
     .value_name = "OS/ARCH", .preset = "linux/amd64",
     .help = "The platform of a NIM image that is made for several",
     .apply = [](Config& c, string_view v) { return set_model_name(c.platform, v); }},
    {.group = model, .variable = "NIM_MANIFEST_FILE", .flag = "--nim-manifest-file",
     .value_name = "FILE", .help = "A NIM's model_manifest.yaml, in place of the one in the image",
     .apply = [](Config& c, string_view v) { return set_path(c.manifest_file, v); }},

    {.group = credentials, .flag = "--token-file", .value_name = "FILE",
     .help = "A file with the token (for nim, the NGC key); it comes before all variables. Tokens "
             "themselves are never arguments, because other users could read them",
     .apply = [](Config& c, string_view v) { return set_path(c.token_file, v); }},
    {.group = credentials, .variable = "HF_TOKEN", .help = "The Hugging Face token", .secret = true},
    {.group = credentials, .variable = "HUGGING_FACE_HUB_TOKEN",
     .help = "The same, by its older name", .secret = true},
    {.group = credentials, .variable = "HF_TOKEN_PATH",
     .help = "A file with the Hugging Face token"},
    {.group = credentials, .variable = "NGC_API_KEY", .help = "The NGC key, for nim", .secret = true},
    {.group = credentials, .variable = "NGC_CLI_API_KEY", .help = "The same, by another name",
     .secret = true},
    {.group = credentials, .variable = "NGC_API_KEY_PATH", .help = "A file with the NGC key"},
    {.group = credentials, .variable = "REGISTRY_USERNAME",
     .help = "The user of an image registry that has its own, such as a mirror of nvcr.io",
     .apply = [](Config& c, string_view v) { return set_model_name(c.registry_user, v); }},
    {.group = credentials, .variable = "REGISTRY_PASSWORD", .help = "That user's password",
     .secret = true},
    {.group = credentials, .variable = "REGISTRY_PASSWORD_PATH", .help = "A file with it"},
    {.group = credentials, .variable = "SECRETS_PATH", .preset = "/var/run/secrets/nai",
     .help = "A mounted secret; its files HF_TOKEN and NGC_API_KEY are tried last",
     .apply = [](Config& c, string_view v) { return set_path(c.secret_directory, v); }},

    {.group = volume, .variable = "OUTPUT_MOUNT", .flag = "--output-mount",
     .value_name = "DIRECTORY", .preset = "/data",
     .help = "The mounted volume; the files appear in its directory model-files",
     .apply = [](Config& c, string_view v) { return set_path(c.output_mount, v); }},
    {.group = volume, .variable = "OUTPUT_FORMAT", .flag = "--output-format",
     .value_name = "hf|nim",
     .help = "The arrangement of the files; it goes with PROVIDER and need not be given",
     .apply = set_output_format},
    {.group = volume, .variable = "HF_LOCAL_METADATA", .flag = "--hf-local-metadata",
     .value_name = "true|false", .preset = "true",
     .help = "Leave in model-files/.cache/huggingface what huggingface_hub needs to take the files "
             "for an up-to-date local_dir",
     .apply = [](Config& c, string_view v) { return set_boolean(c.local_metadata, v); }},
    {.group = volume, .variable = "KEEP_HF_CACHE", .flag = "--keep-hf-cache",
     .value_name = "true|false", .preset = "false",
     .help = "Leave hf_cache as a hub cache that shares its bytes with model-files; for hf",
     .apply = [](Config& c, string_view v) { return set_boolean(c.keep_hub_cache, v); }},
    {.group = volume, .variable = "LOCK_WAIT", .flag = "--lock-wait",
     .value_name = "DURATION", .preset = "24h",
     .help = "How long to wait for another run that is working on the volume",
     .apply = [](Config& c, string_view v) { return set_duration(c.lock.wait_limit, v, {0s, 720h}); }},
    {.group = volume, .variable = "LOCK_DEAD_AFTER", .flag = "--lock-dead-after",
     .value_name = "DURATION", .preset = "30s",
     .help = "A run that gave no sign of life for this long has lost the volume",
     .apply = set_dead_after},

    {.group = network, .variable = "HF_ENDPOINT", .flag = "--endpoint",
     .value_name = "URL", .preset = "https://huggingface.co",
     .help = "The Hub, or a mirror of it",
     .apply = [](Config& c, string_view v) { return set_url(c.hub_endpoint, v); }},
    {.group = network, .variable = "NGC_API_ENDPOINT", .preset = "https://api.ngc.nvidia.com",
     .help = "NGC's interface, for nim",
     .apply = [](Config& c, string_view v) { return set_url(c.ngc_api_endpoint, v); }},
    {.group = network, .variable = "NGC_AUTH_ENDPOINT", .preset = "https://authn.nvidia.com",
     .help = "NGC's token server, for nim",
     .apply = [](Config& c, string_view v) { return set_url(c.ngc_auth_endpoint, v); }},
    {.group = network, .variable = "HTTPS_PROXY",
     .help = "The proxy for https, as curl reads it; also https_proxy"},
    {.group = network, .variable = "HTTP_PROXY",
     .help = "The proxy for http; as curl reads it, in lower case only: http_proxy"},
    {.group = network, .variable = "ALL_PROXY", .help = "The proxy for both; also all_proxy"},
    {.group = network, .variable = "NO_PROXY",
     .help = "Hosts to reach without a proxy; also no_proxy"},
    {.group = network, .variable = "SSL_CERT_FILE",
     .help = "Certificates to trust besides the built-in ones, in PEM", .apply = add_ca<k_ssl_cert_file>},
    {.group = network, .variable = "SSL_CERT_DIR",
     .help = "Directories of such files, separated by ':'", .apply = add_ca<k_ssl_cert_dir>},
    {.group = network, .variable = "REQUESTS_CA_BUNDLE",
     .help = "One more such file, or a directory", .apply = add_ca<k_requests_ca_bundle>},
    {.group = network, .variable = "CURL_CA_BUNDLE",
     .help = "One more such file, or a directory", .apply = add_ca<k_curl_ca_bundle>},
    {.group = network, .variable = "CONNECT_TIMEOUT", .flag = "--connect-timeout",
     .value_name = "DURATION", .preset = "30s",
     .help = "How long a connection may take to open",
     .apply = [](Config& c, string_view v) {
       return set_seconds<&Config::connect_timeout>(c, v, {1s, 10min});
     }},
    {.group = network, .variable = "STALL_TIMEOUT", .flag = "--stall-timeout",
     .value_name = "DURATION", .preset = "30s",
     .help = "A connection that brings nothing for this long is given up and tried again",
     .apply = [](Config& c, string_view v) {
       return set_seconds<&Config::stall_timeout>(c, v, {1s, 1h});
     }},
    {.group = network, .variable = "MAX_RETRIES", .flag = "--retries",
     .value_name = "NUMBER", .preset = "20",
     .help = "Attempts after a failed one, counted anew with every 64 KiB that arrive",
     .apply = set_retries},
    {.group = network, .variable = "RETRY_DELAY", .flag = "--retry-delay",
     .value_name = "DURATION", .preset = "500ms",
     .help = "The wait before the first of them; it doubles from one to the next, up to a minute",
     .apply = set_retry_delay},

    {.group = transfer, .variable = "CONNECTIONS", .flag = "--connections",
     .value_name = "NUMBER", .preset = "auto",
     .help = "Connections at the same time, 1 to 64; auto finds the number that brings the most",
     .apply = set_connections},
    {.group = transfer, .variable = "RATE_LIMIT", .flag = "--rate-limit",
     .value_name = "SIZE", .preset = "none",
     .help = "Bytes a second for all connections together, such as 100MB, where others need the link",
     .apply = set_rate_limit},
    {.group = transfer, .variable = "CHUNK_SIZE", .flag = "--chunk-size",
     .value_name = "SIZE", .preset = "64MiB", .help = "What one request asks for at most",
     .apply = [](Config& c, string_view v) {
       return set_size(c.transfer.chunk_bytes, v, {64 * k_kib, 4 * k_gib});
     }},
    {.group = transfer, .variable = "BLOCK_SIZE", .flag = "--block-size",
     .value_name = "SIZE", .preset = "1MiB",
     .help = "What is written at once; every connection holds such blocks in memory",
     .apply = set_block_size},
    {.group = transfer, .variable = "SYNC_INTERVAL", .flag = "--sync-interval",
     .value_name = "DURATION", .preset = "5s",
     .help = "How often what was written is made durable; a power failure costs at most this much",
     .apply = [](Config& c, string_view v) {
       return set_duration(c.transfer.sync_interval, v, {100ms, 1h});
     }},

    {.group = shards, .variable = "SHARD_COUNT", .flag = "--shard-count",
     .value_name = "NUMBER", .preset = "1",
     .help = "How many pods bring the model together, each a part of it; for hf",
     .apply = [](Config& c, string_view v) {
       return set_number(c.shards.count, v, {1, storage::k_max_shards});
     },
     .commands = "download"},
    {.group = shards, .variable = "JOB_COMPLETION_INDEX", .flag = "--shard-index",
     .value_name = "NUMBER",
     .help = "Which of them this is, from 0; an Indexed Job sets it",
     .apply = [](Config& c, string_view v) {
       return set_number(c.shards.index.emplace(), v, {0, 1'000'000});
     },
     .commands = "download"},

    {.group = output, .variable = "LOG_FORMAT", .flag = "--log-format",
     .value_name = "text|json", .preset = "text",
     .help = "Lines for people, or one JSON object a line",
     .apply = [](Config& c, string_view v) { return set_choice(c.output.format, v, k_log_formats); }},
    {.group = output, .variable = "LOG_LEVEL", .flag = "--log-level",
     .value_name = "LEVEL", .preset = "normal",
     .help = "quiet (no progress, warnings only), normal, or debug (each request)",
     .apply = [](Config& c, string_view v) { return set_choice(c.output.level, v, k_log_levels); }},
    {.group = output, .variable = "PROGRESS_INTERVAL", .flag = "--progress-interval",
     .value_name = "DURATION", .preset = "auto",
     .help = "The time between progress lines; auto widens it from 10s to 60s, 0 prints none",
     .apply = set_progress_interval},
    {.group = output, .variable = "METRICS_FILE", .flag = "--metrics-file", .value_name = "FILE",
     .help = "A file in which a download keeps metrics for Prometheus, as node_exporter's textfile "
             "collector reads them",
     .apply = [](Config& c, string_view v) { return set_path(c.metrics_file, v); },
     .commands = "download verify"},
    {.group = output, .variable = "TERMINATION_MESSAGE_FILE_PATH",
     .flag = "--termination-message-file", .value_name = "FILE",
     .help = "Where the reason of a failure is written; without it /dev/termination-log where that "
             "exists",
     .apply = set_termination_file},

    {.group = commands, .flag = "--json", .help = "resolve, check, verify: print one JSON document",
     .apply = [](Config& c, string_view) { return set_switch(c.options.json); },
     .is_switch = true, .commands = "resolve check verify"},
    {.group = commands, .flag = "--files", .help = "resolve: list every file with its size and checksum",
     .apply = [](Config& c, string_view) { return set_switch(c.options.files); },
     .is_switch = true, .commands = "resolve"},
    {.group = commands, .flag = "--kubernetes",
     .help = "resolve: print a volume claim of the right size and a Job for this model, as YAML",
     .apply = [](Config& c, string_view) { return set_switch(c.options.kubernetes); },
     .is_switch = true, .commands = "resolve"},
    {.group = commands, .flag = "--image", .value_name = "IMAGE", .preset = "nai-model-processor",
     .help = "resolve: the container image that the Job of --kubernetes runs",
     .apply = [](Config& c, string_view v) { return set_model_name(c.options.image, v); },
     .commands = "resolve"},
    {.group = commands, .flag = "--repair",
     .help = "verify: remove what is wrong, and fetch it and what is missing",
     .apply = [](Config& c, string_view) { return set_switch(c.options.repair); },
     .is_switch = true, .commands = "verify"},
    {.group = commands, .flag = "--against-source",
     .help = "verify: compare with what the source lists now, not with the completion record",
     .apply = [](Config& c, string_view) { return set_switch(c.options.against_source); },
     .is_switch = true, .commands = "verify"},
    {.group = commands, .variable = "NFS_SERVER", .flag = "--nfs-server", .value_name = "HOST",
     .help = "check: the server of the volume, whose name is then resolved too",
     .apply = [](Config& c, string_view v) { return set_model_name(c.options.nfs_server, v); },
     .commands = "check"},
});
// clang-format on

}  // namespace

std::span<const Setting> settings() { return k_settings; }

std::string_view title(SettingGroup group) {
  switch (group) {
    case model:
      return "What to fetch";
    case credentials:
      return "Tokens";
    case volume:
      return "The volume";
    case network:
      return "The network";
    case transfer:
      return "The transfer (needs no tuning)";
    case shards:
      return "One model by several pods";
    case output:
      return "Output";
    case commands:
      return "Of single commands";
  }
  return "";
}

std::string name_of(const Setting& setting) {
  if (setting.variable.empty()) {
    return std::string(setting.flag);
  }
  return setting.flag.empty() ? std::string(setting.variable)
                              : fmt::format("{} ({})", setting.variable, setting.flag);
}

}  // namespace nai::app

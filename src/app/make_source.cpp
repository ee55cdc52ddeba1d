// SPDX-License-Identifier: Apache-2.0
#include "app/make_source.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>
#include <nai/util/text.hpp>
#include <nai/version.hpp>

#include "app/logged_client.hpp"
#include "app/nim.hpp"

namespace nai::app {

namespace {

// Follows symbolic links: that is how Kubernetes mounts configuration.
bool is_directory(const std::filesystem::path& path, const std::string& variable) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("{} names {}: {}", variable, path.string(),
                                  std::generic_category().message(errno)));
  }
  return S_ISDIR(status.st_mode);
}

void add_ca(http::CurlClientOptions& options, const std::string& variable,
            const std::filesystem::path& path) {
  auto& list = is_directory(path, variable) ? options.extra_ca_directories : options.extra_ca_files;
  list.push_back(path);
}

}  // namespace

http::CurlClientOptions client_options(const Config& config) {
  http::CurlClientOptions options{.user_agent = "nai-model-processor/" NAI_VERSION,
                                  .connect_timeout = config.connect_timeout,
                                  .stall_timeout = config.stall_timeout};
  for (const ExtraCa& extra : config.extra_ca) {
    if (extra.variable != "SSL_CERT_DIR") {
      add_ca(options, extra.variable, extra.path);
      continue;
    }
    for (const auto directory : util::split(extra.path.native(), ':')) {
      if (!directory.empty()) {
        add_ca(options, extra.variable, directory);
      }
    }
  }
  return options;
}

std::unique_ptr<http::Client> make_client(const Config& config, util::Log& log) {
  try {
    auto client = http::make_curl_client(client_options(config));
    if (log.enabled(util::Level::debug)) {
      return std::make_unique<LoggedClient>(std::move(client), log);
    }
    return client;
  } catch (const util::Error& error) {
    const std::string_view message = error.what();
    for (const ExtraCa& extra : config.extra_ca) {
      if (!message.starts_with(extra.variable) &&
          message.find(extra.path.native()) != std::string_view::npos) {
        throw error.with_context(extra.variable);
      }
    }
    throw;
  }
}

source::HuggingFaceOptions hub_options(const Config& config) {
  return {.endpoint = config.hub_endpoint.value(),
          .repository = config.repository,
          .revision = config.revision,
          .token = config.hub_token.value,
          .include = config.include,
          .exclude = config.exclude,
          .retry = config.transfer.retry};
}

std::unique_ptr<source::Source> make_source(const Config& config, http::Client& client,
                                            util::Clock& clock, util::Log& log) {
  return source::make_hugging_face_source(hub_options(config), client, clock, log);
}

std::string source_name(const Config& config) {
  if (config.provider == Provider::nim) {
    return config.repository;
  }
  auto endpoint = config.hub_endpoint.value().display();
  if (!endpoint.ends_with('/')) {
    endpoint += '/';
  }
  return endpoint + config.repository;
}

std::string selection_name(const Config& config) {
  if (config.provider == Provider::nim) {
    return wishes_name(config);
  }
  if (config.include.empty() && config.exclude.empty()) {
    return {};
  }
  return nlohmann::ordered_json{{"include", config.include}, {"exclude", config.exclude}}.dump(
      -1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace nai::app

// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_program.hpp"

#include "support/mock/digest.hpp"
#include "support/mock/loading.hpp"
#include "support/mock/nim_service.hpp"
#include "support/mock/program.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace mock {

namespace {

struct NimProgramOptions {
  NimServiceOptions service;
  std::vector<NgcModel> models;
  std::vector<NimImage> images;
  std::filesystem::path ca_file;
  std::filesystem::path endpoints_file;
};

constexpr const char* k_help = R"(usage: mock-registry nim [OPTION]...

NVIDIA's registry, its token server and NGC's API on 127.0.0.1, their content hosts on 127.0.0.2,
over TLS with a throw-away CA.

  --model NAME:VERSION=DIR   a model at NGC with the files of a directory
  --image NAME:TAG=FILE      an image whose model manifest is that file
  --key KEY                  the NGC key that is right (default: nvapi-right)
  --connection-rate BYTES    bytes of content a second of each connection
  --ca-file OUT              write the CA's certificate (PEM)
  --endpoints FILE           write the hosts (JSON) once they answer
)";

// "a:b=c"
struct Named {
  std::string name;
  std::string version;
  std::string file;
};

Named parse_named(const std::string& text) {
  const auto equals = text.find('=');
  const auto colon = text.rfind(':', equals);
  if (equals == std::string::npos || colon == std::string::npos) {
    throw UsageError("expected NAME:VERSION=FILE: " + text);
  }
  return {text.substr(0, colon), text.substr(colon + 1, equals - colon - 1),
          text.substr(equals + 1)};
}

NgcModel load_model(const std::string& text) {
  const Named named = parse_named(text);
  NgcModel model{.repository = named.name, .version = named.version, .files = {}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(named.file)) {
    if (entry.is_regular_file()) {
      const std::string path = std::filesystem::relative(entry.path(), named.file).string();
      const std::string etag = sha256_hex(named.version + "/" + path).substr(0, 32);
      model.files.push_back(
          {.path = path, .content = Content::file(entry.path()), .etag = "\"" + etag + "\""});
    }
  }
  return model;
}

NimImage load_image(const std::string& text) {
  const Named named = parse_named(text);
  std::ifstream in(named.file, std::ios::binary);
  if (!in) {
    throw UsageError("cannot read " + named.file);
  }
  const std::string manifest(std::istreambuf_iterator<char>(in), {});
  Tar tar;
  tar.file("opt/nim/etc/default/model_manifest.yaml", manifest);
  return {.repository = named.name, .tag = named.version, .layers = {gzip_layer(tar)}};
}

NimProgramOptions parse(const std::vector<std::string>& arguments) {
  NimProgramOptions options;
  const std::map<std::string, std::function<void(const std::string&)>> flags = {
      {"--model", [&](const auto& value) { options.models.push_back(load_model(value)); }},
      {"--image", [&](const auto& value) { options.images.push_back(load_image(value)); }},
      {"--key", [&](const auto& value) { options.service.key = value; }},
      {"--connection-rate",
       [&](const auto& value) {
         options.service.shaping.connection_bytes_per_second = std::stoull(value);
       }},
      {"--ca-file", [&](const auto& value) { options.ca_file = value; }},
      {"--endpoints", [&](const auto& value) { options.endpoints_file = value; }},
  };
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto flag = flags.find(arguments[i]);
    if (flag == flags.end() || i + 1 == arguments.size()) {
      throw UsageError("unknown option, or no value: nim " + arguments[i]);
    }
    flag->second(arguments[i + 1]);
  }
  return options;
}

}  // namespace

int run_nim_program(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "--help") {
    std::cout << k_help;
    return 0;
  }
  // Before any thread starts: all of them inherit the mask, and only sigwait takes these signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  NimProgramOptions options = parse(arguments);
  options.service.cdn_send_buffer_bytes = 64 * 1024;
  NimService service(options.service);
  for (const NimImage& image : options.images) {
    service.add(image);
  }
  for (NgcModel& model : options.models) {
    service.add(std::move(model));
  }
  if (!options.ca_file.empty()) {
    service.write_ca(options.ca_file);
  }
  if (!options.endpoints_file.empty()) {
    write_atomically(
        options.endpoints_file,
        nlohmann::ordered_json{{"registry", service.host()}, {"api", service.api_url()}}.dump(1) +
            "\n");
  }
  std::cout << "mock-registry: registry " << service.host() << ", api " << service.api_url()
            << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace mock

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <nai/digest/hasher.hpp>
#include <nai/source/nim.hpp>
#include <nai/util/error.hpp>

#include "fuzz/input.hpp"
#include "source/nim/cache_layout.hpp"
#include "source/nim/image.hpp"
#include "source/nim/layer_scan.hpp"
#include "source/nim/model_manifest.hpp"
#include "source/nim/ngc_catalog.hpp"
#include "source/nim/profile_choice.hpp"
#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

// What a registry, NGC and the layers of an image say.

namespace {

using namespace nai;
using nai::fuzz::require;

const std::string k_key = "nvapi-secret";
const std::string k_path = "opt/nim/etc/default/model_manifest.yaml";
constexpr std::uint64_t k_max_output = std::uint64_t{4} << 20U;

digest::Digest sha256_of(std::string_view text) {
  digest::Hasher hasher(digest::Algorithm::sha256, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.digest();
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Whatever a manifest names becomes a path below the cache, or is refused.
void stage(const source::Profile& profile) {
  source::CacheLayout layout;
  for (const source::ProfileFile& file : profile.files) {
    layout.add("ngc/hub", {.repository = file.origin.repository,
                           .revision = file.origin.version,
                           .snapshot = file.origin.version,
                           .path = file.origin.path,
                           .etag = file.destination,
                           .size = file.destination.size(),
                           .digest = digest::Digest::of_size(file.destination.size()),
                           .origin = {}});
  }
  source::Manifest manifest;
  std::vector<source::StagedFile> files;
  layout.finish(manifest, files);
  for (const source::Link& link : manifest.links) {
    require(link.path.starts_with("ngc/hub/models--"));
    require(("/" + link.path + "/").find("/../") == std::string::npos);
    const auto blob = link.target.find("blobs/");
    require(blob != std::string::npos);
    require(link.target.find("..", blob) == std::string::npos ||
            link.target.find('/', blob + 6) == std::string::npos);
  }
}

void manifest(const std::string& text) {
  const auto models = source::parse_model_manifest(text);
  require(!models.profiles.empty());
  static_cast<void>(source::choose_profile(models, {.gpu_product = "NVIDIA-L40S", .gpu_count = 1}));
  for (const source::Profile& profile : models.profiles) {
    try {
      stage(profile);
    } catch (const util::Error& error) {
      require(error.kind() == util::ErrorKind::content_mismatch);
    }
  }
}

// Gives headers the checksum that a random change broke.
void repair_headers(std::string& tar) {
  constexpr std::size_t k_block = 512;
  constexpr std::size_t k_checksum = 148;
  for (std::size_t at = 0; at + k_block <= tar.size(); at += k_block) {
    const std::string_view block = std::string_view(tar).substr(at, k_block);
    if (block.find_first_not_of('\0') == std::string_view::npos) {
      continue;
    }
    tar.replace(at + k_checksum, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : std::string_view(tar).substr(at, k_block)) {
      sum += static_cast<unsigned char>(c);
    }
    tar.replace(at + k_checksum, 7, fmt::format("{:06o}", sum) + '\0');
  }
}

void layer(const std::string& bytes) {
  const source::Blob blob{.digest = sha256_of(bytes), .size = bytes.size()};
  const source::WantedFiles wanted{.paths = {k_path}, .names = {"model_manifest.yaml"}};
  source::LayerScan scan(blob, wanted, k_max_output);
  const auto all = std::as_bytes(std::span(bytes));
  constexpr std::size_t k_piece = 97;
  for (std::size_t at = 0; at < all.size(); at += k_piece) {
    if (!scan.push(all.subspan(at, std::min(k_piece, all.size() - at)))) {
      break;
    }
  }
  require(scan.output_bytes() <= k_max_output + (std::uint64_t{1} << 20U));
  std::vector<std::optional<source::LayerFacts>> layers{scan.finish()};
  for (const auto& [path, content] : layers.front()->files) {
    require(("/" + path + "/").find("/../") == std::string::npos && !path.starts_with('/'));
    require(content.size() <= k_max_output);
  }
  static_cast<void>(source::look_up(layers, wanted, k_path));
}

void reference(const std::string& text) {
  const std::string once = source::parse_image_name(text);
  require(source::parse_image_name(once) == once);
}

// A registry that answers with a manifest, a configuration that fits it, and a token.
struct Registry {
  explicit Registry(std::function<test::Answer(const http::Request&)> script)
      : client(std::move(script)) {}

  test::FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  source::Connection connection{client, clock, log, {.max_attempts = 2}};
  std::stop_source stop;
};

void resolve(Registry& registry) {
  const auto image = source::parse_image("nvcr.io/nim/meta/model:1");
  source::RegistryClient client(registry.connection, image, {"$oauthtoken", k_key},
                                [](const source::RegistryAnswer& answer, int) {
                                  return util::Error(util::ErrorKind::temporary, answer.problem);
                                });
  static_cast<void>(source::resolve_image(client, image, {.os = "linux", .architecture = "amd64"},
                                          registry.stop.get_token()));
}

void image(std::string manifest_text, const std::string& config) {
  replace_all(manifest_text, "@D", sha256_of(config).to_string());
  replace_all(manifest_text, "@S", std::to_string(config.size()));
  Registry registry([&](const http::Request& request) {
    const bool blob = request.url.path().find("/blobs/") != std::string::npos;
    return test::answer(200, {}, blob ? config : manifest_text);
  });
  resolve(registry);
}

// The key goes to nvcr.io and NVIDIA's token server, whatever a challenge asks for.
void challenge(const std::string& field, const std::string& token) {
  Registry registry([&](const http::Request& request) {
    return request.url.path().starts_with("/v2/")
               ? test::answer(401, {{"WWW-Authenticate", field}}, token)
               : test::answer(200, {}, token);
  });
  try {
    resolve(registry);
  } catch (const util::Error&) {
  }
  for (const http::Request& request : registry.client.requests()) {
    const auto sent = request.headers.find("Authorization");
    require(!sent ||
            (request.url.scheme() == "https" &&
             (request.url.host() == "nvcr.io" || request.url.host() == "authn.nvidia.com")));
  }
}

void listing(const std::string& page) {
  Registry registry([&](const http::Request&) { return test::answer(200, {}, page); });
  const auto api = http::Url::parse("https://api.ngc.nvidia.com").value();
  source::NgcSession session(registry.connection, {api, api}, k_key);
  static_cast<void>(source::list_version(session, registry.connection, {"nim/meta/model", "1+a"},
                                         registry.stop.get_token()));
}

void parse(const fuzz::Input& input) {
  switch (input.choice) {
    case 't': {
      std::string tar = input.text;
      repair_headers(tar);
      layer(tar);
      break;
    }
    case 'l':
      layer(input.text);
      break;
    case 'r':
      reference(input.text);
      break;
    case 'i':
      image(std::string(input.first_line()), std::string(input.rest()));
      break;
    case 'c':
      challenge(std::string(input.first_line()), std::string(input.rest()));
      break;
    case 'n':
      listing(input.text);
      break;
    case 'x':
      static_cast<void>(source::matches_expression(input.first_line(), input.rest()));
      break;
    default:
      manifest(input.text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  try {
    parse(input);
  } catch (const util::Error& error) {
    require(error.kind() != util::ErrorKind::internal);
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nai/http/client.hpp>
#include <nai/http/retry.hpp>
#include <nai/http/url.hpp>
#include <nai/source/source.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::source {

// Which profile of a NIM is wanted. All empty: none, only a list of them.
struct ProfileWishes {
  std::string profile = {};                      // an id, the begin of one, or a name
  std::map<std::string, std::string> tags = {};  // values that certain tags must have
  std::string gpu_product = {};                  // "NVIDIA-L40S", as nodes are labelled
  std::optional<unsigned> gpu_count = {};
};

// Keeps texts by name from one run to the next.
class TextStore {
 public:
  virtual ~TextStore() = default;

  // Empty when there is none.
  [[nodiscard]] virtual std::optional<std::string> load(const std::string& name) = 0;
  // Not being able to keep it is no failure.
  virtual void save(const std::string& name, std::string_view text) = 0;
};

// Which image, and how to talk to its registry, to NGC and to the Hub.
struct NimOptions {
  std::string image;                     // see parse_image_name()
  std::string platform = "linux/amd64";  // os/architecture[/variant]
  std::string ngc_key = {};              // empty: anonymous
  // For registries with users of their own; both empty: "$oauthtoken" and the NGC key.
  std::string registry_user = {};
  std::string registry_password = {};
  http::Url ngc_api;
  http::Url ngc_auth;
  http::Url hub;
  std::string hub_token = {};
  ProfileWishes wishes = {};
  // The model manifest, in place of the image's own; empty: the image's.
  std::string manifest_text = {};
  http::RetryPolicy retry = {};
};

struct ProfileSummary {
  std::string id;
  std::string name;
  std::size_t files = 0;
  std::optional<std::uint64_t> bytes = {};  // where NGC told
};

// One file as a NIM finds it in its cache.
struct StagedFile {
  std::string path;    // below model-files: a link to `blob`
  std::string blob;    // the path of its artifact
  std::string origin;  // "ngc://nim/meta/llama-3_1-8b-instruct:hf-8c22764-b?file=config.json"
};

// What became known of an image, for people and the report.
struct NimPlan {
  std::string image;             // the full reference
  std::string reference_digest;  // what it names: an index, or the platform's manifest
  std::string digest;            // of the platform's manifest
  std::string platform;
  std::string manifest_origin;  // where the model manifest was found; empty: nowhere
  std::string schema;
  std::vector<ProfileSummary> profiles;
  std::optional<ProfileSummary> chosen;
  std::string reason;  // why that one, or why none
  std::vector<StagedFile> files;
};

// What NGC says of a key.
enum class KeyState { valid, invalid, unknown };

// A NIM image as a source: its model manifest says which files of NGC and the Hub belong to a
// profile, and list() gives them in the arrangement of a NIM's own cache. Without a profile there
// is nothing to fetch.
class NimSource : public Source {
 public:
  // Complete after list(); the image's part after resolve().
  [[nodiscard]] virtual const NimPlan& plan() const = 0;
  // Asks NGC about the key, once; `unknown` also when it cannot be asked. One thread at a time.
  [[nodiscard]] virtual KeyState key_state(const std::stop_token& stop) = 0;
};

// `client`, `clock`, `log` and `store` must outlive the source. Throws Error{usage} when the image
// or the platform cannot be one.
[[nodiscard]] std::unique_ptr<NimSource> make_nim_source(NimOptions options, http::Client& client,
                                                         util::Clock& clock, util::Log& log,
                                                         TextStore& store);

// The full reference of REPO_ID: "[host/]name[:tag][@sha256:digest]", nvcr.io's without a host.
// Throws Error{usage} with the reason.
[[nodiscard]] std::string parse_image_name(std::string_view text);

}  // namespace nai::source

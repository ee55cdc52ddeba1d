// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <nai/digest/digest.hpp>
#include <nai/util/error.hpp>

#include <source/nim/connection.hpp>
#include <source/nim/image_reference.hpp>
#include <source/nim/registry_auth.hpp>

namespace nai::source {

// The end of one attempt.
struct RegistryAnswer {
  http::Url url;  // that answered, or did not, in the end
  http::Response response;
  std::string body = {};     // of an error
  std::string problem = {};  // why an answer cannot be used
  bool by_token_server = false;
  bool left_registry = false;  // a redirect led to another host
  bool had_enough = false;     // the taker wanted no more
};

struct Blob {
  digest::Digest digest;
  std::uint64_t size = 0;
  std::string media_type = {};
};

// What /manifests/ answered.
struct RegistryManifest {
  std::string body;
  std::string media_type;
  digest::Digest digest;  // computed, and equal to what was asked for and to what the server said
};

// One repository of an OCI registry: pulling only. Not thread-safe.
class RegistryClient {
 public:
  // Turns what asking again would not change, or what retries did not, into the error to throw.
  using Explain = std::function<util::Error(const RegistryAnswer& answer, int attempts)>;

  // `connection` and `image` must outlive it.
  RegistryClient(const Connection& connection, const ImageReference& image,
                 RegistryCredentials credentials, Explain explain);

  // By tag or digest. Throws Error.
  [[nodiscard]] RegistryManifest get_manifest(const std::string& version,
                                              const std::stop_token& stop);
  // A blob small enough to hold, checked by size and digest.
  [[nodiscard]] std::string get_blob(const Blob& blob, std::size_t max_bytes,
                                     const std::stop_token& stop);
  // Hands the blob's bytes to `take` in order, going on after interruptions where it stood. False
  // when `take` had enough before the end. The bytes are not checked here.
  bool stream_blob(const Blob& blob, const Take& take, const std::stop_token& stop);

  [[nodiscard]] const RegistryAuth& auth() const { return m_auth; }
  // Who sent the last content, with the request's id where there is one: "layers.nvcr.io (Request
  // ID: 17)".
  [[nodiscard]] const std::string& sender() const { return m_sender; }
  // Content that is not what its digest says may come right from another attempt: true, with
  // `problem` in the log, when one is worth it after `tried`. Throws Error{interrupted} on stop.
  [[nodiscard]] bool is_worth_another_try(int tried, const std::string& problem,
                                          const std::stop_token& stop);

 private:
  struct Question;

  [[nodiscard]] RegistryAnswer ask(Question& question, const std::stop_token& stop);
  [[nodiscard]] RegistryAnswer attempt(const Question& question, const std::stop_token& stop);
  [[nodiscard]] RegistryAnswer fetch_manifest(const std::string& version, std::string& body,
                                              const std::stop_token& stop);

  const Connection& m_connection;
  const ImageReference& m_image;
  RegistryAuth m_auth;
  Explain m_explain;
  std::string m_asked_host;
  std::string m_sender;
};

}  // namespace nai::source

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include <nai/http/challenge.hpp>

#include <source/nim/connection.hpp>
#include <source/nim/image_reference.hpp>

namespace nai::source {

// Who asks. Empty user and password: nobody in particular.
struct RegistryCredentials {
  std::string user;
  std::string password;

  [[nodiscard]] bool empty() const { return user.empty() && password.empty(); }
};

// An answer that was no.
struct Refusal {
  http::Url url;  // that was asked
  http::Response response;
  std::string body;
  bool by_token_server = false;
  // Set when the credentials were held back, or the answer could not be used.
  std::string problem;
};

// How requests to one registry are authenticated: by whatever its 401 asks for. The credentials go
// over TLS only, and to the registry's own host, or for nvcr.io to NVIDIA's token server.
class RegistryAuth {
 public:
  RegistryAuth(const Connection& connection, const ImageReference& image,
               RegistryCredentials credentials);

  // The value of the Authorization field for the registry; empty while none is known.
  [[nodiscard]] const std::string& header() const { return m_header; }
  [[nodiscard]] const RegistryCredentials& credentials() const { return m_credentials; }
  // Does what the registry's 401 asks for. Empty when header() is now good for another attempt.
  [[nodiscard]] std::optional<Refusal> satisfy(const http::Url& url, const http::Response& response,
                                               const std::stop_token& stop);
  void forget() { m_header.clear(); }
  // Why the last token was asked for without the credentials; empty when there was no reason.
  [[nodiscard]] const std::string& withheld() const { return m_withheld; }
  // `text` without the credentials, should a server repeat them.
  [[nodiscard]] std::string without_secrets(std::string text) const;

 private:
  [[nodiscard]] bool may_have_credentials(const http::Url& where) const;
  [[nodiscard]] std::optional<http::Url> token_url(const http::Challenge& challenge) const;
  [[nodiscard]] std::optional<Refusal> ask_token(const http::Url& url, const std::stop_token& stop);

  const Connection& m_connection;
  const ImageReference& m_image;
  RegistryCredentials m_credentials;
  std::string m_header;
  std::string m_withheld;
};

}  // namespace nai::source

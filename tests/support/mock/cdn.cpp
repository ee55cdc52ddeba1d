// SPDX-License-Identifier: Apache-2.0
#include "support/mock/cdn.hpp"

#include "support/mock/digest.hpp"
#include "support/mock/range.hpp"

#include <charconv>

namespace mock {

namespace {

Response s3_error(int status, const std::string& code, const std::string& message,
                  const std::string& more = "") {
  return text_response(status,
                       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
                           "</Code><Message>" + message + "</Message>" + more + "<RequestId>" +
                           random_hex(8) + "</RequestId><HostId>" + random_hex(32) +
                           "</HostId></Error>",
                       "application/xml");
}

// As S3 does, which tells the caller what it was sent.
std::string signature_of(const Request& request) {
  return request.parameter("X-Amz-Signature").value_or(request.parameter("Signature").value_or(""));
}

Headers object_headers(const Request& request) {
  Headers headers = {{"Content-Type", "binary/octet-stream"},
                     {"Last-Modified", "Wed, 25 Sep 2024 17:00:02 GMT"},
                     {"Cache-Control", "public, max-age=31536000"}};
  if (const auto disposition = request.parameter("response-content-disposition")) {
    headers.add("Content-Disposition", *disposition);
  }
  if (request.parameter("Key-Pair-Id")) {
    headers.add("X-Cache", "Hit from cloudfront");
    headers.add("Via", "1.1 mock.cloudfront.net (CloudFront)");
    headers.add("X-Amz-Cf-Id", random_hex(28));
  } else {
    headers.add("X-Amz-Request-Id", random_hex(8));
  }
  return headers;
}

}  // namespace

Cdn::Cdn(const Store& store, const Signer& signer, const Conditions& conditions, Journal& journal)
    : m_store(store), m_signer(signer), m_conditions(conditions), m_journal(journal) {}

std::optional<StoredFile> Cdn::stored_file(const Request& request) const {
  const std::string text = request.parameter("X-Xet-Cas-Uid").value_or("");
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  std::optional<StoredFile> file = m_store.published(number);
  return file && file->cdn_path == request.path ? file : std::nullopt;
}

void Cdn::classify(const Request& request, RequestInfo& info) const {
  info.kind = RequestKind::content;
  if (const auto file = stored_file(request)) {
    info.repository = file->repository;
    info.file = file->path;
  }
}

Response Cdn::answer(const Request& request, const Fault& fault) {
  if (const auto authorization = request.headers.get("Authorization")) {
    m_journal.add_violation("Authorization was sent to the CDN: " + request.method + " " +
                            request.path);
    return s3_error(400, "InvalidArgument",
                    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                    "Signature query "
                    "string parameter or the Authorization header should be specified",
                    "<ArgumentName>Authorization</ArgumentName><ArgumentValue>" + *authorization +
                        "</ArgumentValue>");
  }
  if (request.method != "GET" && !request.is_head()) {
    return s3_error(405, "MethodNotAllowed",
                    "The specified method is not allowed against this resource.");
  }
  const std::string host = request.headers.get("Host").value_or("");
  switch (m_signer.check(host, request.path, request.query, m_conditions.unix_now())) {
    case SignatureState::wrong:
      return s3_error(403, "SignatureDoesNotMatch",
                      "The request signature we calculated does not match the signature you "
                      "provided. Check your key "
                      "and signing method.",
                      "<AWSAccessKeyId>AKIAMOCK</AWSAccessKeyId><SignatureProvided>" +
                          signature_of(request) + "</SignatureProvided>");
    case SignatureState::expired:
      return s3_error(403, "AccessDenied", "Request has expired");
    case SignatureState::valid:
      break;
  }
  const std::optional<StoredFile> file = stored_file(request);
  if (!file) {
    return s3_error(404, "NoSuchKey", "The specified key does not exist.");
  }
  const ServeRules rules{.ignores_range_when_gzip_allowed = true,
                         .largest_without_range = k_largest_without_range};
  return serve_content(request, fault.content.value_or(file->content), file->etag,
                       object_headers(request), rules);
}

}  // namespace mock

// SPDX-License-Identifier: Apache-2.0
#include <nai/http/client.hpp>

#include <algorithm>

namespace nai::http {

namespace {

class TextSink final : public BodySink {
 public:
  explicit TextSink(std::size_t max_bytes) : m_max_bytes(max_bytes) {}

  bool on_response(const Response&) override { return true; }

  bool on_data(std::span<const std::byte> data) override {
    const std::size_t taken = std::min(data.size(), m_max_bytes - m_text.size());
    for (const std::byte byte : data.first(taken)) {
      m_text.push_back(static_cast<char>(byte));
    }
    m_truncated = taken < data.size();
    return !m_truncated;
  }

  [[nodiscard]] std::string& text() { return m_text; }
  [[nodiscard]] bool truncated() const { return m_truncated; }

 private:
  std::size_t m_max_bytes;
  std::string m_text;
  bool m_truncated = false;
};

}  // namespace

TextResponse send_for_text(Client& client, const Request& request, std::size_t max_body_bytes,
                           const std::stop_token& stop) {
  TextSink sink(max_body_bytes);
  TextResponse result;
  result.response = client.send(request, sink, stop);
  result.body = std::move(sink.text());
  result.truncated = sink.truncated();
  return result;
}

}  // namespace nai::http

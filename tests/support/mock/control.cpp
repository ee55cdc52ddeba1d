// SPDX-License-Identifier: Apache-2.0
#include "support/mock/control.hpp"

#include <nlohmann/json.hpp>

namespace mock {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void Control::classify(const Request&, RequestInfo& info) const { info.kind = RequestKind::other; }

Response Control::answer(const Request& request, const Fault&) {
  if (request.path == "/__mock/stats") {
    return json_response(200, stats());
  }
  if (request.path == "/__mock/requests") {
    return json_response(200, requests());
  }
  return text_response(404, "/__mock/stats or /__mock/requests\n");
}

std::string Control::stats() const {
  Json hosts;
  Json kinds;
  for (const RequestRecord& record : m_journal.requests()) {
    if (record.host == Host::control) {
      continue;
    }
    Json& host = hosts[to_string(record.host)];
    host = host.is_null() ? Json(1) : Json(host.get<int>() + 1);
    Json& kind = kinds[to_string(record.kind)];
    kind = kind.is_null() ? Json(1) : Json(kind.get<int>() + 1);
  }
  return dump({{"content_bytes_served", m_journal.content_bytes()},
               {"connections", m_journal.connections()},
               {"requests_by_host", hosts},
               {"requests_by_kind", kinds},
               {"violations", m_journal.violations()}});
}

std::string Control::requests() const {
  Json list = Json::array();
  for (const RequestRecord& record : m_journal.requests()) {
    if (record.host == Host::control) {
      continue;
    }
    list.push_back({{"number", record.number},
                    {"connection", record.connection},
                    {"host", to_string(record.host)},
                    {"kind", to_string(record.kind)},
                    {"method", record.method},
                    {"target", record.target},
                    {"repository", record.repository},
                    {"file", record.file},
                    {"range", record.range ? Json(*record.range) : Json(nullptr)},
                    {"had_authorization", record.had_authorization},
                    {"status", record.status},
                    {"body_bytes", record.body_bytes},
                    {"finished", record.finished},
                    {"complete", record.complete}});
  }
  return dump(list);
}

}  // namespace mock

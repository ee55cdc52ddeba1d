// SPDX-License-Identifier: Apache-2.0
#include "app/check/watched_client.hpp"

#include <algorithm>

namespace nai::app {

http::Response WatchedClient::send(const http::Request& request, http::BodySink& sink,
                                   const std::stop_token& stop) {
  http::Request watched = request;
  watched.wants_peer = true;
  http::Response response = m_client.send(watched, sink, stop);
  note(request.url, response);
  return response;
}

void WatchedClient::note(const http::Url& url, const http::Response& response) {
  const std::scoped_lock lock(m_mutex);
  auto contact = std::find_if(m_contacts.begin(), m_contacts.end(),
                              [&](const Contact& one) { return one.url.same_origin(url); });
  if (contact == m_contacts.end()) {
    contact = m_contacts.insert(m_contacts.end(), Contact{.url = url});
  }
  if (!contact->peer || contact->peer->subject.empty()) {
    contact->peer = response.peer;
  }
  if (response.status == 0 || (response.error && !contact->answered)) {
    contact->error = response.error;
    return;
  }
  contact->error.reset();
  if (!contact->answered) {
    contact->answered = true;
    contact->time = response.first_byte_time;
    contact->date = response.headers.find("Date").value_or("");
    contact->local_time = m_clock.system_now();
  }
}

std::vector<Contact> WatchedClient::contacts() const {
  const std::scoped_lock lock(m_mutex);
  return m_contacts;
}

bool WatchedClient::reaches(const http::Url& url) const {
  const std::scoped_lock lock(m_mutex);
  return std::none_of(m_contacts.begin(), m_contacts.end(), [&](const Contact& one) {
    return one.url.same_origin(url) && !one.answered;
  });
}

}  // namespace nai::app

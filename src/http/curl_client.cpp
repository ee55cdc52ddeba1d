// SPDX-License-Identifier: Apache-2.0
#include <nai/http/curl_client.hpp>

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include <http/curl_error.hpp>
#include <http/curl_exchange.hpp>
#include <http/tls_tuning.hpp>
#include <http/trust_store.hpp>

namespace nai::http {

namespace {

// Larger reads, fewer calls: the default of 16 KiB costs a multiple of the time.
constexpr long k_receive_buffer_bytes = 512L * 1024;
// Servers of this trade reset connections that were idle for about 55 s.
constexpr long k_max_idle_seconds = 50;
constexpr long k_keepalive_seconds = 30;
// How long a stop request or a deadline may go unnoticed while nothing arrives.
constexpr int k_longest_poll_ms = 1000;

// libcurl takes its options through C varargs: what is passed must have the very type it reads.
template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OUT_OF_MEMORY) {
    throw std::bad_alloc();
  }
  if (code != CURLE_OK) {
    throw std::logic_error(fmt::format("libcurl refuses option {}: {}", static_cast<int>(option),
                                       curl_easy_strerror(code)));
  }
}

class GlobalState {
 public:
  GlobalState() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw std::runtime_error("libcurl cannot be initialised");
    }
  }
  ~GlobalState() { curl_global_cleanup(); }
  GlobalState(const GlobalState&) = delete;
  GlobalState& operator=(const GlobalState&) = delete;
};

// The DNS cache of all handles: in a pod, ndots:5 turns one name into eight queries. Connections
// are not shared: that would have one lock around every transfer.
class SharedCache {
 public:
  SharedCache() : m_share(curl_share_init()) {
    if (m_share == nullptr) {
      throw std::bad_alloc();
    }
    curl_share_setopt(m_share, CURLSHOPT_USERDATA, this);
    curl_share_setopt(m_share, CURLSHOPT_LOCKFUNC, &SharedCache::lock);
    curl_share_setopt(m_share, CURLSHOPT_UNLOCKFUNC, &SharedCache::unlock);
    curl_share_setopt(m_share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  }
  ~SharedCache() { curl_share_cleanup(m_share); }
  SharedCache(const SharedCache&) = delete;
  SharedCache& operator=(const SharedCache&) = delete;

  [[nodiscard]] CURLSH* get() const { return m_share; }

 private:
  static void lock(CURL*, curl_lock_data data, curl_lock_access, void* self) noexcept {
    static_cast<SharedCache*>(self)->m_mutexes.at(data).lock();
  }
  static void unlock(CURL*, curl_lock_data data, void* self) noexcept {
    static_cast<SharedCache*>(self)->m_mutexes.at(data).unlock();
  }

  std::array<std::mutex, CURL_LOCK_DATA_LAST> m_mutexes;
  CURLSH* m_share;
};

class HeaderList {
 public:
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(m_list); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;

  void add(const std::string& line) {
    curl_slist* list = curl_slist_append(m_list, line.c_str());
    if (list == nullptr) {
      throw std::bad_alloc();
    }
    m_list = list;
  }
  [[nodiscard]] curl_slist* get() const { return m_list; }

 private:
  curl_slist* m_list = nullptr;
};

// An easy handle, a multi handle of its own with the connections it keeps, and what OpenSSL says of
// their certificates.
class Handle {
 public:
  explicit Handle(const TrustStore& trust) : m_trust(&trust) {
    if (!m_multi || !m_easy) {
      throw std::bad_alloc();
    }
  }

  [[nodiscard]] CURL* easy() const { return m_easy.get(); }
  // As curl_easy_perform(), which would ask for the state of the socket also where TLS has more
  // that has arrived already: a system call for each few records.
  [[nodiscard]] CURLcode perform();
  [[nodiscard]] const TrustStore& trust() const { return *m_trust; }

  Verification verification;
  std::string last_origin;
  std::array<char, CURL_ERROR_SIZE> error_text{};

 private:
  struct Cleanup {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct EasyCleanup {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  std::unique_ptr<CURLM, Cleanup> m_multi{curl_multi_init()};
  std::unique_ptr<CURL, EasyCleanup> m_easy{curl_easy_init()};
  const TrustStore* m_trust;
};

CURLcode Handle::perform() {
  CURLMcode problem = curl_multi_add_handle(m_multi.get(), easy());
  for (int running = 1; problem == CURLM_OK && running != 0;) {
    problem = curl_multi_perform(m_multi.get(), &running);
    long wait = -1;  // 0: there is more to do at once
    if (problem == CURLM_OK && running != 0) {
      problem = curl_multi_timeout(m_multi.get(), &wait);
    }
    if (problem == CURLM_OK && running != 0 && wait != 0) {
      problem = curl_multi_poll(m_multi.get(), nullptr, 0, k_longest_poll_ms, nullptr);
    }
  }
  CURLcode result = problem == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
  int more = 0;
  while (const CURLMsg* message = curl_multi_info_read(m_multi.get(), &more)) {
    if (message->msg == CURLMSG_DONE) {
      result = message->data.result;
    }
  }
  curl_multi_remove_handle(m_multi.get(), easy());
  return result;
}

// Idle handles, the last used first, so that a few connections stay warm rather than many lukewarm.
class HandlePool {
 public:
  explicit HandlePool(const TrustStore& trust) : m_trust(&trust) {}

  // Prefers a handle whose last exchange was with `origin`: it has a connection there.
  std::unique_ptr<Handle> take(const std::string& origin) {
    const std::lock_guard lock(m_mutex);
    if (m_idle.empty()) {
      return std::make_unique<Handle>(*m_trust);
    }
    auto chosen = std::find_if(m_idle.rbegin(), m_idle.rend(),
                               [&](const auto& handle) { return handle->last_origin == origin; });
    if (chosen != m_idle.rend()) {
      std::rotate(std::prev(chosen.base()), chosen.base(), m_idle.end());
    }
    std::unique_ptr<Handle> handle = std::move(m_idle.back());
    m_idle.pop_back();
    return handle;
  }

  void give_back(std::unique_ptr<Handle> handle) {
    const std::lock_guard lock(m_mutex);
    m_idle.push_back(std::move(handle));
  }

 private:
  const TrustStore* m_trust;
  std::mutex m_mutex;
  std::vector<std::unique_ptr<Handle>> m_idle;
};

std::string origin_of(const Url& url) {
  return fmt::format("{}://{}:{}", url.scheme(), url.host(), url.port());
}

class CurlClient final : public Client {
 public:
  explicit CurlClient(const CurlClientOptions& options)
      : m_options(options),
        m_trust(options.extra_ca_files, options.extra_ca_directories),
        m_handles(m_trust) {}

  Response send(const Request& request, BodySink& sink, const std::stop_token& stop) override {
    if (stop.stop_requested()) {
      Response response;
      response.error = TransportError{TransportFailure::stopped, "stopped"};
      return response;
    }
    const std::string origin = origin_of(request.url);
    std::unique_ptr<Handle> handle = m_handles.take(origin);
    Response response = perform(*handle, request, sink, stop);
    // Not reached when the sink threw: the handle, in the middle of a transfer, ends with it.
    handle->last_origin = origin;
    m_handles.give_back(std::move(handle));
    return response;
  }

 private:
  Response perform(Handle& handle, const Request& request, BodySink& sink,
                   const std::stop_token& stop) {
    CurlExchange exchange(request, sink, stop, m_options.connect_timeout + m_options.stall_timeout);
    HeaderList headers;
    handle.verification = {};
    handle.error_text[0] = '\0';
    curl_easy_reset(handle.easy());
    set_connection(handle);
    set_request(handle.easy(), request, headers);
    set_callbacks(handle.easy(), exchange);
    const CURLcode code = handle.perform();
    exchange.rethrow();

    std::optional<TransportError> own_error = exchange.own_error();
    const bool refused = exchange.refused() && !own_error;
    const bool head_complete = exchange.head_complete();
    Response response = exchange.take_response();
    response.refused_by_sink = refused;
    if (request.wants_peer) {
      response.peer = peer_of(handle);
    }
    if (own_error) {
      response.error = std::move(own_error);
    } else if (code != CURLE_OK && !refused) {
      response.error = describe(handle, code, request.url.host(), head_complete);
    } else if (code == CURLE_OK && !head_complete) {
      // libcurl takes the end of the connection for the end of the header.
      response.error = TransportError{
          TransportFailure::closed,
          fmt::format("{} closed the connection within the response header", request.url.host())};
    } else if (response.status == 407) {
      response.error = TransportError{
          TransportFailure::proxy,
          fmt::format("the proxy for {} asks for credentials (407)", request.url.host())};
    }
    return response;
  }

  void set_connection(Handle& handle) {
    CURL* easy = handle.easy();
    set(easy, CURLOPT_SHARE, m_shared.get());
    set(easy, CURLOPT_ERRORBUFFER, handle.error_text.data());
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it, an exchange that is given up while a name resolves would wait for the resolver.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_BUFFERSIZE, k_receive_buffer_bytes);
    set(easy, CURLOPT_MAXAGE_CONN, k_max_idle_seconds);
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy, CURLOPT_TCP_KEEPIDLE, k_keepalive_seconds);
    set(easy, CURLOPT_TCP_KEEPINTVL, k_keepalive_seconds);
    set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(m_options.connect_timeout.count()));
    set(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(m_options.stall_bytes_per_second));
    set(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(m_options.stall_timeout.count()));
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    // The store is ours; a system's libcurl would read its own bundle for nothing.
    set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    set(easy, CURLOPT_SSL_CTX_FUNCTION, &CurlClient::on_ssl_context);
    set(easy, CURLOPT_SSL_CTX_DATA, static_cast<void*>(&handle));
    set(easy, CURLOPT_USERAGENT, m_options.user_agent.c_str());
  }

  static void set_request(CURL* easy, const Request& request, HeaderList& headers) {
    set(easy, CURLOPT_URL, request.url.on_the_wire().c_str());
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    // Some content hosts ignore Range as soon as a coding may be chosen.
    headers.add("Accept-Encoding: identity");
    if (request.range) {
      assert(!request.range->empty());
      headers.add(
          fmt::format("Range: bytes={}-{}", request.range->offset, request.range->end() - 1));
    }
    for (const Header& header : request.headers.all()) {
      assert((header.name + header.value).find_first_of("\r\n") == std::string::npos);
      headers.add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    }
    if (request.method == Method::head) {
      set(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method == Method::post) {
      headers.add("Expect:");
      set(easy, CURLOPT_POST, 1L);
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    set(easy, CURLOPT_HTTPHEADER, headers.get());
  }

  static void set_callbacks(CURL* easy, CurlExchange& exchange) {
    set(easy, CURLOPT_HEADERFUNCTION, &CurlExchange::on_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
    set(easy, CURLOPT_WRITEFUNCTION, &CurlExchange::on_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_XFERINFOFUNCTION, &CurlExchange::on_progress);
    set(easy, CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  }

  static CURLcode on_ssl_context(CURL*, void* ssl_context, void* handle) noexcept {
    auto* self = static_cast<Handle*>(handle);
    self->trust().install(ssl_context, &self->verification);
    tune_tls(ssl_context);
    return CURLE_OK;
  }

  static TransportError describe(const Handle& handle, CURLcode code, const std::string& host,
                                 bool head_complete) {
    CurlFailure failure{.code = code,
                        .text = handle.error_text.data(),
                        .host = host,
                        .head_complete = head_complete,
                        .verify = handle.verification.failure};
    curl_easy_getinfo(handle.easy(), CURLINFO_HTTP_CONNECTCODE, &failure.proxy_status);
    failure.used_proxy = used_proxy(handle);
    return describe_curl_failure(failure);
  }

  static bool used_proxy(const Handle& handle) {
    long used = 0;
#if LIBCURL_VERSION_NUM >= 0x080700
    curl_easy_getinfo(handle.easy(), CURLINFO_USED_PROXY, &used);
#endif
    return used != 0;
  }

  static Peer peer_of(const Handle& handle) {
    const char* address = nullptr;
    curl_easy_getinfo(handle.easy(), CURLINFO_PRIMARY_IP, &address);
    const Verification& seen = handle.verification;
    return {.address = address == nullptr ? "" : address,
            .by_proxy = used_proxy(handle),
            .subject = seen.subject,
            .issuer = seen.issuer,
            .authority = seen.authority,
            .authority_origin = seen.authority_origin};
  }

  CurlClientOptions m_options;
  GlobalState m_global;
  TrustStore m_trust;
  SharedCache m_shared;
  HandlePool m_handles;  // the last member: its handles go before what they use
};

}  // namespace

std::unique_ptr<Client> make_curl_client(const CurlClientOptions& options) {
  return std::make_unique<CurlClient>(options);
}

std::string http_library_versions() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  return fmt::format("libcurl/{} {}", info->version,
                     info->ssl_version == nullptr ? "without TLS" : info->ssl_version);
}

}  // namespace nai::http

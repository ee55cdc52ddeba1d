// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include <http/read_ahead_bio.hpp>
#include <http/tls_tuning.hpp>

using namespace nai::http;

namespace {

struct Chain {
  BIO* source = BIO_new(BIO_s_mem());
  std::unique_ptr<BIO, decltype(&BIO_free_all)> top{BIO_push(new_read_ahead_bio(), source),
                                                    &BIO_free_all};

  void arrive(const std::string& data) const {
    REQUIRE(BIO_write(source, data.data(), static_cast<int>(data.size())) ==
            static_cast<int>(data.size()));
  }
  [[nodiscard]] std::string read(std::size_t wanted) const {
    std::string data(wanted, ' ');
    const int length = BIO_read(top.get(), data.data(), static_cast<int>(wanted));
    data.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return data;
  }
};

}  // namespace

TEST_CASE("what was read ahead comes out in any portions, in its order") {
  const Chain chain;
  chain.arrive("0123456789");
  CHECK(chain.read(3) == "012");
  CHECK(BIO_pending(chain.source) == 0);
  chain.arrive("abc");
  CHECK(chain.read(100) == "3456789");
  CHECK(chain.read(2).empty());
  CHECK(chain.read(2) == "ab");
  CHECK(chain.read(2) == "c");
}

TEST_CASE("more than is read at a time comes in several reads") {
  const Chain chain;
  const std::string data(std::size_t{300} * 1000, 'x');
  chain.arrive(data);
  std::string read;
  while (read.size() < data.size()) {
    const std::string piece = chain.read(data.size());
    REQUIRE_FALSE(piece.empty());
    read += piece;
  }
  CHECK(read == data);
}

TEST_CASE("after a read that took all there was, the socket is waited for without being asked") {
  const Chain chain;
  chain.arrive("all");
  CHECK(chain.read(3) == "all");
  chain.arrive("more");
  CHECK(chain.read(4).empty());
  CHECK(BIO_should_retry(chain.top.get()));
  CHECK(BIO_pending(chain.source) == 4);
  CHECK(chain.read(4) == "more");
  CHECK_FALSE(BIO_should_retry(chain.top.get()));
}

TEST_CASE("a read without data says whether to try again, and when the end has come") {
  const Chain chain;
  BIO_set_mem_eof_return(chain.source, -1);
  CHECK(chain.read(5).empty());
  CHECK(BIO_should_retry(chain.top.get()));
  chain.arrive("last");
  BIO_set_mem_eof_return(chain.source, 0);
  CHECK(chain.read(2) == "la");
  CHECK_FALSE(BIO_should_retry(chain.top.get()));
  CHECK(BIO_eof(chain.top.get()) == 0);
  CHECK(chain.read(2) == "st");
  CHECK(BIO_eof(chain.top.get()) == 1);
  CHECK(chain.read(2).empty());
  CHECK(BIO_should_retry(chain.top.get()));
  CHECK(chain.read(2).empty());
  CHECK_FALSE(BIO_should_retry(chain.top.get()));
}

TEST_CASE("every connection of a tuned context reads ahead, once, from its handshake on") {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  tune_tls(context.get());
  const std::unique_ptr<SSL, decltype(&SSL_free)> connection(SSL_new(context.get()), &SSL_free);
  BIO* socket = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(socket, -1);
  SSL_set_bio(connection.get(), socket, socket);
  CHECK(SSL_connect(connection.get()) == -1);
  CHECK(BIO_next(SSL_get_rbio(connection.get())) == socket);
  CHECK(SSL_get_wbio(connection.get()) == socket);
  CHECK(SSL_connect(connection.get()) == -1);
  CHECK(BIO_next(SSL_get_rbio(connection.get())) == socket);
}

// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <http/trust_store.hpp>
#include <nai/util/error.hpp>

#include "support/mock/certificates.hpp"
#include "support/temporary_directory.hpp"

namespace nai::http {
namespace {

using test::write_file;

const std::string k_begin = "-----BEGIN CERTIFICATE-----\n";
const std::string k_end = "-----END CERTIFICATE-----\n";

TEST_CASE("trust store: the built-in bundle", "[http]") {
  const TrustStore store({}, {});
  CHECK(store.size() > 50);
}

TEST_CASE("trust store: additions", "[http]") {
  const test::TemporaryDirectory directory;
  const std::size_t built_in = TrustStore({}, {}).size();
  const std::string one = mock::CertificateAuthority().pem();
  const std::string two = mock::CertificateAuthority().pem();
  const auto file = directory.path() / "ca.pem";

  write_file(file, "A comment.\n" + one + "\n" + two + one);
  CHECK(TrustStore({file}, {}).size() == built_in + 2);

  // As a mounted secret looks: no hash links, and things that are no certificates.
  write_file(directory.path() / "d/..data/ca.crt", one);
  std::filesystem::create_symlink("..data/ca.crt", directory.path() / "d/ca.crt");
  write_file(directory.path() / "d/other.PEM", two);
  write_file(directory.path() / "d/damaged.pem", k_begin + "AAAA\n" + k_end);
  write_file(directory.path() / "d/README", "hello");
  write_file(directory.path() / "d/e.pem/x", "a directory");
  CHECK(TrustStore({}, {directory.path() / "d"}).size() == built_in + 2);
}

TEST_CASE("trust store: what cannot be used is named", "[http]") {
  const test::TemporaryDirectory directory;
  struct Row {
    std::string name;
    std::string content;
    std::string why;
  };
  const std::string good = mock::CertificateAuthority().pem();
  for (const Row& row :
       {Row{"empty", "", "no PEM certificate"}, Row{"text", "hello", "no PEM"},
        Row{"der", "\x30\x82\x01", "holds DER, not PEM"},
        Row{"damaged", k_begin + "AAAA\n" + k_end, "certificate 1 is damaged"},
        Row{"second", good + k_begin + "!\n" + k_end, "certificate 2 is damaged"},
        Row{"cut", good.substr(0, good.size() - 40), "certificate 1 is damaged"},
        Row{"key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM"},
        Row{"large", std::string(17 * 1024 * 1024, 'x'), "at most 16777216 bytes"}}) {
    const auto file = directory.path() / row.name;
    write_file(file, row.content);
    INFO(row.name);
    try {
      const TrustStore store({file}, {});
      FAIL("accepted");
    } catch (const util::Error& error) {
      INFO(error.what());
      CHECK(error.kind() == util::ErrorKind::usage);
      CHECK(std::string(error.what()).find(file.string()) != std::string::npos);
      CHECK(std::string(error.what()).find(row.why) != std::string::npos);
    }
  }
  CHECK_THROWS_AS(TrustStore({directory.path() / "absent"}, {}), util::Error);
  CHECK_THROWS_AS(TrustStore({directory.path()}, {}), util::Error);
  CHECK_THROWS_AS(TrustStore({}, {directory.path() / "absent"}), util::Error);
  CHECK_THROWS_AS(TrustStore({}, {directory.path() / "empty"}), util::Error);
}

}  // namespace
}  // namespace nai::http

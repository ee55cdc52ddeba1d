// SPDX-License-Identifier: Apache-2.0
#include <http/trust_store.hpp>

#include <cstddef>
#include <new>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

// The PEM bundle that the build links in.
extern "C" const unsigned char nai_ca_bundle[];
extern "C" const std::size_t nai_ca_bundle_size;

namespace nai::http {

namespace {

namespace fs = std::filesystem;

// Debian's bundle has 220 KB; more than this is no list of authorities.
constexpr std::size_t k_max_ca_file_bytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t k_max_name_bytes = 200;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPointer = std::unique_ptr<BIO, Deleter<BIO_free>>;
using X509Pointer = std::unique_ptr<X509, Deleter<X509_free>>;
using StorePointer = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;

[[nodiscard]] util::Error unusable(const fs::path& path, std::string_view why) {
  return {util::ErrorKind::usage,
          fmt::format("cannot use CA certificates of {}: {}", path.string(), why)};
}

std::string openssl_reason(unsigned long code) {
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? fmt::format("OpenSSL error {:#x}", code) : reason;
}

// OpenSSL's default would ask at the terminal.
int no_password(char*, int, int, void*) noexcept { return -1; }

// Adds all certificates of a PEM text and returns how many there are; empty with `problem` set
// when one of them is damaged.
std::optional<std::size_t> add_pem(X509_STORE* store, std::string_view pem, std::string& problem) {
  const BioPointer bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) {
    throw std::bad_alloc();
  }
  std::size_t count = 0;
  ERR_clear_error();
  while (true) {
    const X509Pointer certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr));
    if (!certificate) {
      const unsigned long code = ERR_peek_last_error();
      ERR_clear_error();
      if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
        return count;
      }
      problem = fmt::format("certificate {} is damaged ({})", count + 1, openssl_reason(code));
      return std::nullopt;
    }
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      problem = fmt::format("certificate {} cannot be added ({})", count + 1,
                            openssl_reason(ERR_get_error()));
      return std::nullopt;
    }
    ++count;
  }
}

std::string read_ca_file(const fs::path& path) {
  std::error_code problem;
  // Mounted secrets and system stores are made of symbolic links, which the reader does not follow.
  const fs::path target = fs::canonical(path, problem);
  if (problem) {
    throw unusable(path, problem.message());
  }
  if (fs::is_directory(target, problem)) {
    throw unusable(path, "is a directory");
  }
  try {
    return util::read_small_file(target, k_max_ca_file_bytes).value_or("");
  } catch (const util::Error& error) {
    throw unusable(path, error.what());
  }
}

void add_file(X509_STORE* store, const fs::path& path) {
  const std::string content = read_ca_file(path);
  std::string problem;
  const auto count = add_pem(store, content, problem);
  if (!count) {
    throw unusable(path, problem);
  }
  if (*count == 0) {
    const bool der = content.starts_with('\x30');
    throw unusable(path, der ? "holds DER, not PEM (openssl x509 -inform der -in FILE converts it)"
                             : "no PEM certificate in it");
  }
}

bool is_certificate_name(const fs::path& path) {
  const std::string extension = util::to_lower(path.extension().string());
  return extension == ".pem" || extension == ".crt" || extension == ".cer";
}

// Every certificate file in the directory: a mounted secret has no hash links, which OpenSSL's own
// lookup needs. Files that are no certificates are passed over, as OpenSSL would.
void add_directory(X509_STORE* store, const fs::path& path) {
  std::error_code problem;
  fs::directory_iterator entries(path, problem);
  if (problem) {
    throw unusable(path, problem.message());
  }
  for (const fs::directory_entry& entry : entries) {
    if (is_certificate_name(entry.path()) && entry.is_regular_file(problem)) {
      try {
        add_file(store, entry.path());
      } catch (const util::Error&) {
        ERR_clear_error();
      }
    }
  }
  if (X509_STORE_load_path(store, path.c_str()) != 1) {
    throw unusable(path, openssl_reason(ERR_get_error()));
  }
}

std::string name_of(const X509_NAME* name) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  if (!bio || name == nullptr ||
      X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0) {
    return {};
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return length <= 0 ? std::string{}
                     : util::printable({text, static_cast<std::size_t>(length)}, k_max_name_bytes);
}

// One slot for all contexts; OpenSSL never reuses it.
int failure_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Changes nothing of the verdict; it only remembers the first failure for the message.
int on_verify(int ok, X509_STORE_CTX* context) noexcept {
  if (ok == 1) {
    return ok;
  }
  try {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* failure = ssl == nullptr ? nullptr
                                   : static_cast<VerifyFailure*>(SSL_CTX_get_ex_data(
                                         SSL_get_SSL_CTX(ssl), failure_index()));
    if (failure != nullptr && failure->reason.empty()) {
      failure->reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
      if (X509* certificate = X509_STORE_CTX_get_current_cert(context); certificate != nullptr) {
        failure->subject = name_of(X509_get_subject_name(certificate));
        failure->issuer = name_of(X509_get_issuer_name(certificate));
      }
    }
  } catch (...) {
    // Only the message would have gained.
    return ok;
  }
  return ok;
}

}  // namespace

struct TrustStore::Store {
  StorePointer x509{X509_STORE_new()};
};

TrustStore::TrustStore(const std::vector<fs::path>& extra_files,
                       const std::vector<fs::path>& extra_directories)
    : m_store(std::make_unique<Store>()) {
  X509_STORE* store = m_store->x509.get();
  if (store == nullptr) {
    throw std::bad_alloc();
  }
  std::string problem;
  const std::string_view bundle(reinterpret_cast<const char*>(nai_ca_bundle), nai_ca_bundle_size);
  if (!add_pem(store, bundle, problem)) {
    throw util::Error(util::ErrorKind::internal, "built-in CA bundle: " + problem);
  }
  for (const fs::path& file : extra_files) {
    add_file(store, file);
  }
  for (const fs::path& directory : extra_directories) {
    add_directory(store, directory);
  }
  // As curl does with its own store: an intermediate that the operator added is an anchor too.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
}

TrustStore::~TrustStore() = default;

void TrustStore::install(void* ssl_ctx, VerifyFailure* failure) const noexcept {
  auto* context = static_cast<SSL_CTX*>(ssl_ctx);
  SSL_CTX_set1_cert_store(context, m_store->x509.get());
  SSL_CTX_set_ex_data(context, failure_index(), failure);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
}

std::size_t TrustStore::size() const {
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(m_store->x509.get());
  return static_cast<std::size_t>(sk_X509_OBJECT_num(objects));
}

}  // namespace nai::http

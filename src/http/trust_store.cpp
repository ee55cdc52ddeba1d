// SPDX-License-Identifier: Apache-2.0
#include <http/trust_store.hpp>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

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

// The certificates of a store, and where each was read.
struct Anchors {
  StorePointer store{X509_STORE_new()};
  std::vector<std::pair<X509Pointer, std::string>> origins;
};

// Adds all certificates of a PEM text and returns how many there are; empty with `problem` set
// when one of them is damaged.
std::optional<std::size_t> add_pem(Anchors& anchors, std::string_view pem,
                                   const std::string& origin, std::string& problem) {
  const BioPointer bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) {
    throw std::bad_alloc();
  }
  std::size_t count = 0;
  ERR_clear_error();
  while (true) {
    X509Pointer certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr));
    if (!certificate) {
      const unsigned long code = ERR_peek_last_error();
      ERR_clear_error();
      if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
        return count;
      }
      problem = fmt::format("certificate {} is damaged ({})", count + 1, openssl_reason(code));
      return std::nullopt;
    }
    if (X509_STORE_add_cert(anchors.store.get(), certificate.get()) != 1) {
      problem = fmt::format("certificate {} cannot be added ({})", count + 1,
                            openssl_reason(ERR_get_error()));
      return std::nullopt;
    }
    anchors.origins.emplace_back(std::move(certificate), origin);
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

void add_file(Anchors& anchors, const fs::path& path) {
  const std::string content = read_ca_file(path);
  std::string problem;
  const auto count = add_pem(anchors, content, path.string(), problem);
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
void add_directory(Anchors& anchors, const fs::path& path) {
  std::error_code problem;
  fs::directory_iterator entries(path, problem);
  if (problem) {
    throw unusable(path, problem.message());
  }
  for (const fs::directory_entry& entry : entries) {
    if (is_certificate_name(entry.path()) && entry.is_regular_file(problem)) {
      try {
        add_file(anchors, entry.path());
      } catch (const util::Error&) {
        ERR_clear_error();
      }
    }
  }
  if (X509_STORE_load_path(anchors.store.get(), path.c_str()) != 1) {
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
int verification_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void note_failure(X509_STORE_CTX* context, VerifyFailure& failure) {
  if (!failure.reason.empty()) {
    return;
  }
  failure.reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  if (X509* certificate = X509_STORE_CTX_get_current_cert(context); certificate != nullptr) {
    failure.subject = name_of(X509_get_subject_name(certificate));
    failure.issuer = name_of(X509_get_issuer_name(certificate));
  }
}

// The server's own certificate comes last.
void note_chain(X509_STORE_CTX* context, Verification& verification) {
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  if (X509_STORE_CTX_get_error_depth(context) != 0 || sk_X509_num(chain) == 0) {
    return;
  }
  const X509* leaf = sk_X509_value(chain, 0);
  const X509* anchor = sk_X509_value(chain, sk_X509_num(chain) - 1);
  verification.subject = name_of(X509_get_subject_name(leaf));
  verification.issuer = name_of(X509_get_issuer_name(leaf));
  verification.authority = name_of(X509_get_subject_name(anchor));
  verification.authority_origin = verification.store->origin_of(anchor);
}

// Changes nothing of the verdict; it only remembers what was seen, for messages.
int on_verify(int ok, X509_STORE_CTX* context) noexcept {
  try {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* seen = ssl == nullptr ? nullptr
                                : static_cast<Verification*>(SSL_CTX_get_ex_data(
                                      SSL_get_SSL_CTX(ssl), verification_index()));
    if (seen != nullptr && ok == 1) {
      note_chain(context, *seen);
    } else if (seen != nullptr) {
      note_failure(context, seen->failure);
    }
  } catch (...) {
    // Only the message would have gained.
    return ok;
  }
  return ok;
}

}  // namespace

struct TrustStore::Store {
  Anchors anchors;
};

TrustStore::TrustStore(const std::vector<fs::path>& extra_files,
                       const std::vector<fs::path>& extra_directories)
    : m_store(std::make_unique<Store>()) {
  Anchors& anchors = m_store->anchors;
  if (!anchors.store) {
    throw std::bad_alloc();
  }
  std::string problem;
  const std::string_view bundle(reinterpret_cast<const char*>(nai_ca_bundle), nai_ca_bundle_size);
  if (!add_pem(anchors, bundle, "built in", problem)) {
    throw util::Error(util::ErrorKind::internal, "built-in CA bundle: " + problem);
  }
  for (const fs::path& file : extra_files) {
    add_file(anchors, file);
  }
  for (const fs::path& directory : extra_directories) {
    add_directory(anchors, directory);
  }
  // As curl does with its own store: an intermediate that the operator added is an anchor too.
  X509_STORE_set_flags(anchors.store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
}

TrustStore::~TrustStore() = default;

void TrustStore::install(void* ssl_ctx, Verification* verification) const noexcept {
  auto* context = static_cast<SSL_CTX*>(ssl_ctx);
  verification->store = this;
  SSL_CTX_set1_cert_store(context, m_store->anchors.store.get());
  SSL_CTX_set_ex_data(context, verification_index(), verification);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
}

std::string TrustStore::origin_of(const void* x509) const {
  const auto& origins = m_store->anchors.origins;
  const auto found = std::find_if(origins.begin(), origins.end(), [&](const auto& entry) {
    return X509_cmp(entry.first.get(), static_cast<const X509*>(x509)) == 0;
  });
  // OpenSSL looks the others up by their hashes, in directories that were added.
  return found == origins.end() ? "an added directory" : found->second;
}

std::size_t TrustStore::size() const {
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(m_store->anchors.store.get());
  return static_cast<std::size_t>(sk_X509_OBJECT_num(objects));
}

}  // namespace nai::http

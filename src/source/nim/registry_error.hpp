// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include <nai/util/error.hpp>

#include <source/nim/ngc_session.hpp>
#include <source/nim/registry_client.hpp>

namespace nai::source {

// What is known beside a registry's failed answer.
struct FailureContext {
  const ImageReference& image;
  // The session of the key that was sent to the registry; null when other credentials were, or
  // none.
  NgcSession* session = nullptr;
  bool anonymous = false;
  const std::stop_token& stop;
};

// One sentence that tells a bad key from missing access, an unknown image, a region, a blocked
// host and an outage, with the server's words. Asks NGC about the key and the image where the
// registry's answer alone does not tell.
[[nodiscard]] util::Error registry_error(const RegistryAnswer& answer, int attempts,
                                         const FailureContext& context);

}  // namespace nai::source

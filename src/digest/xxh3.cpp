// SPDX-License-Identifier: Apache-2.0
#include "xxh3_functions.hpp"

namespace nai::digest {

const Xxh3 k_xxh3 = k_compiled_xxh3;

}  // namespace nai::digest

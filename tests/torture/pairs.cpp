// SPDX-License-Identifier: Apache-2.0
#include "torture/trials.hpp"

namespace nai::torture {

Trials pair_trials() { return {}; }

}  // namespace nai::torture

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <nlohmann/json_fwd.hpp>

#include <nai/storage/record.hpp>

namespace nai::storage {

// One file of the record and one line of the published log have the same form.
[[nodiscard]] nlohmann::json to_json(const RecordedFile& file);
[[nodiscard]] std::optional<RecordedFile> recorded_file_from_json(const nlohmann::json& json);

}  // namespace nai::storage

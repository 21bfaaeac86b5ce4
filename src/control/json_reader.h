// Reads the small JSON objects that requests bring: names and plain values, nothing nested.
// (Writing JSON is base/json_writer.h.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace weir::control {

using JsonScalar = std::variant<std::nullptr_t, bool, std::uint64_t, std::int64_t, double,
                                std::string>;  // int64: negative numbers only
using JsonMembers = std::vector<std::pair<std::string, JsonScalar>>;

// In the order of the text. Error Usage: no JSON, no object, something nested, a name that comes
// twice, or more than 64 members.
Result<JsonMembers> read_flat_object(std::string_view text);

}  // namespace weir::control

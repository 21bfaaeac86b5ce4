// One value of weir.toml.
#pragma once

#include <string>

#include "control/config_schema.h"
#include "control/toml.h"

namespace weir::control {

// Reads `node` as a value of the key's type; what is wrong with it, or nothing. A value of the
// right type that check_value() refuses is in `out` nevertheless.
std::string read_value(const KeyInfo& info, const TomlNode& node, KeyValue& out);

}  // namespace weir::control

// A Config as the complete, canonical text: every key with its value, also where it is the default;
// of a rule only what it has. read_config() makes an equal Config of it.
#pragma once

#include <string>

#include "control/config.h"

namespace weir::control {

std::string to_toml(const Config& config);
std::string to_toml(const SessionConfig& session);  // a [[session]] for read_session()

// The same document as JSON, which schema_json() describes.
std::string to_json(const Config& config);

}  // namespace weir::control

// The schema of weir.toml for people, documents and machines.
#pragma once

#include <string>

#include "control/config_schema.h"

namespace weir::control {

std::string type_text(const KeyInfo& info);   // "size", "\"auto\" or \"afpacket\""
std::string range_text(const KeyInfo& info);  // "1MiB to 64GiB", or empty

// `weir config schema`: a line a key.
std::string schema_table();
// JSON Schema (draft 2020-12) of the document that weir.toml is; `weir config show --json` prints
// such a document.
std::string schema_json();

}  // namespace weir::control

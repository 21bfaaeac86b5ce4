// What the user asked of `weir policy`, as plain values. policy_flags.h fills these.
#pragma once

#include <cstdint>
#include <string>

namespace weir::app {

// `weir policy WHAT`: keys, signatures and texts of policy documents, without an engine.
struct PolicyOptions {
  enum class What : std::uint8_t { Keygen, Sign, Verify, Check } what{};
  std::string file;  // the document; of Keygen, what the names of the keys begin with
  std::string key;   // private for Sign, public for Verify
};

}  // namespace weir::app

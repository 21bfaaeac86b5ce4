// What the user asked of `weir policy`, as plain values.
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

// What the command line said. Outlives the parsing.
struct PolicyWords {
  bool chosen = false;  // the command was given
  PolicyOptions options;
};

}  // namespace weir::app

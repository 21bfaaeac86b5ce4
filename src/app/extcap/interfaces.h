// What Wireshark can capture from: the sessions of the engine on this host, and packet stores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/extcap/options.h"
#include "base/result.h"

namespace weir::app {

struct ExtcapInterface {
  enum class Kind : std::uint8_t { Session, Store } kind{};
  std::string value;   // by which Wireshark names it: in commands, preferences and names of files
  std::string target;  // the session's name, the store's directory
};

// Running sessions in the engine's order, then stores, each once: those of the engine's sessions,
// then those of the options.
struct ExtcapInterfaces {
  std::vector<ExtcapInterface> found;
  // Why the engine's are not among them, where that is worth telling: no engine is no error.
  std::optional<Error> engine;

  // Error UnknownInterface: no such value.
  [[nodiscard]] Result<ExtcapInterface> at(const std::string& value) const;
};

// Asks the engine, and waits a second at most.
ExtcapInterfaces list_extcap_interfaces(const ExtcapOptions& options);

// "weir_session_all", "weir_store_var_lib_weir_packets". Letters, digits and "_.-~" only, 100 bytes
// at most. The same name has the same value always and everywhere. Where what it is of cannot be
// read from it, behind "~" there is a hash of it.
std::string value_of(ExtcapInterface::Kind kind, std::string_view target);

}  // namespace weir::app

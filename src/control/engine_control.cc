#include "control/engine_control.h"

#include <array>

namespace weir::control {
namespace {

constexpr std::array<std::string_view, 10> kNames = {
    "session.create", "session.pause",  "session.resume",  "session.stop", "session.filter",
    "config.reload",  "config.replace", "config.rollback", "drain",        "log.level"};

}  // namespace

std::string_view name_of(CommandKind kind) noexcept {
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace weir::control

#include "state/lifecycle.h"

namespace weir::state {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(LifecycleState::kCount)> kNames = {
    "created", "opening", "running", "draining", "closing", "stopped", "failed"};

}  // namespace

std::string_view name_of(LifecycleState state) noexcept {
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace weir::state

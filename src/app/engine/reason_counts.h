// Counts by reason as an API tells them: with names, and only those that are not zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/reasons.h"
#include "control/engine_control.h"

namespace weir::app {

template <typename Reason, std::size_t kCount>
control::Counts counts_of(const std::array<std::uint64_t, kCount>& counts) {
  control::Counts named;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) named.emplace_back(name_of(static_cast<Reason>(i)), counts[i]);
  }
  return named;
}

}  // namespace weir::app

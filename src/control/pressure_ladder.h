// The steps of a ladder in [pressure] as they are written: "cutoff 64KiB", "truncate 128",
// "flows 1/2", "sample 1/2", "drop".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/relief.h"

namespace weir::control {

inline constexpr std::size_t kStepsMax = 16;  // of a ladder

// What is wrong with a ladder, or nothing: also a step that does no more than those before it.
std::string check_ladder(std::span<const std::string> steps);

// What each step leaves a session, together with those before it. The ladder has been checked.
std::vector<capture::Relief> ladder_of(std::span<const std::string> steps);

// "cutoff 64KiB, truncate 128"; empty: nothing is left out.
std::string text_of(const capture::Relief& relief);

// Where both leave something out, the stricter of the two.
capture::Relief stricter(const capture::Relief& a, const capture::Relief& b) noexcept;

}  // namespace weir::control

// Checks of numbers on the command line, as CLI11 takes them: the text of a problem, or nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::app {

using NumberCheck = std::function<std::string(const std::string&)>;

NumberCheck at_least(std::uint64_t min);
NumberCheck at_most(std::uint64_t max);
NumberCheck between(std::uint64_t min, std::uint64_t max);

}  // namespace weir::app

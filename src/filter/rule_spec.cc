#include "filter/rule_spec.h"

#include <array>

namespace weir::filter {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"accept", "reject", "truncate", "headers-only",
                                                    "cutoff"};

}  // namespace

std::string_view name_of(RuleAction action) noexcept {
  return kNames[static_cast<std::size_t>(action)];
}

}  // namespace weir::filter

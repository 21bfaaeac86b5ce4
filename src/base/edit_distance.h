// How far two words are apart, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// Levenshtein's: letters to insert, take out or replace. Costs the product of the lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace weir

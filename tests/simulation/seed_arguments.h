// The command lines of simulations: --seeds FIRST COUNT | --seed N | --replay N.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>

namespace weir::test {

struct SeedArguments {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  bool replay = false;  // one, of which everything is told
};

inline std::optional<std::uint64_t> parse_seed(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') return std::nullopt;
  return value;
}

// As main() has them. Nothing: they are something else.
inline std::optional<SeedArguments> parse_seed_arguments(std::span<char*> given) {
  SeedArguments parsed;
  const bool many = given.size() == 4 && std::string_view(given[1]) == "--seeds";
  const bool one = given.size() == 3 && std::string_view(given[1]) == "--seed";
  parsed.replay = given.size() == 3 && std::string_view(given[1]) == "--replay";
  if (!many && !one && !parsed.replay) return std::nullopt;
  const auto first = parse_seed(given[2]);
  const auto count = many ? parse_seed(given[3]) : std::optional<std::uint64_t>(1);
  if (!first || !count) return std::nullopt;
  parsed.first = *first;
  parsed.count = *count;
  return parsed;
}

}  // namespace weir::test

// The command line of weir-wire.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "frames.h"

namespace weir::wire {

struct Options {
  std::string interface;
  Mix mix = Mix::Imix;
  std::uint32_t flows = 100'000;
  std::uint64_t seed = 1;
  std::uint64_t packets_per_second = 0;  // 0: as fast as it goes
  std::uint64_t count = 0;               // 0: until the duration is over
  std::optional<Duration> duration;      // none: until the count is reached
  std::optional<int> core;               // to run on
  bool help = false;
};

Result<Options> parse_options(std::span<const char* const> arguments);
std::string help_text();

}  // namespace weir::wire

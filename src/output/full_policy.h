// What an output without bound on its waiting (a pipe) does when it is full.
#pragma once

#include <cstdint>

namespace weir::output {

enum class FullPolicy : std::uint8_t {
  Block,  // waits for its reader: nothing is lost here, and the source's buffer fills instead
  Drop,   // never waits: what finds no room is lost{slow_reader}, and other outputs get theirs
};

}  // namespace weir::output

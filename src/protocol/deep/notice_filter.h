// Keeps weird.log from telling the same of the same two addresses again and again: once in ten
// minutes of packet time, as Zeek's weird_ignore. Bounded: what it has forgotten is told again.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace weir::protocol {

class NoticeFilter {
 public:
  // `hash` names the notice and whom it is about, keyed. True: tell it.
  [[nodiscard]] bool passes(std::uint64_t hash, Timestamp now) noexcept {
    Told& told = told_[hash % told_.size()];
    if (told.hash == hash && now - told.time < kSilence) return false;
    told = {hash, now};
    return true;
  }

 private:
  static constexpr Duration kSilence = std::chrono::minutes(10);
  struct Told {
    std::uint64_t hash = 0;
    Timestamp time;
  };
  std::array<Told, 8192> told_;
};

}  // namespace weir::protocol

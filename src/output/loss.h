// Packets that are missing in an output before one that is in it, by who lost them; and how that is
// said in the file.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/capture_interface.h"
#include "storage/pcapng/writer.h"

namespace weir::output {

struct Loss {
  std::uint64_t kernel = 0;       // PacketBatch::gap
  std::uint64_t slow_reader = 0;  // LostReason::SlowReader
  std::uint64_t pressure = 0;     // DropReason::Pressure, of the session

  [[nodiscard]] std::uint64_t packets() const noexcept { return kernel + slow_reader + pressure; }
  Loss& operator+=(const Loss& other) noexcept {
    kernel += other.kernel;
    slow_reader += other.slow_reader;
    pressure += other.pressure;
    return *this;
  }
};

// Packets of one interface that a session dropped under pressure, in one batch.
struct PressureLoss {
  InterfaceId interface = {};
  std::uint64_t packets = 0;
};

using LossText = std::array<char, storage::pcapng::kLossCommentBytesMax>;

// "weir: 1234 packets lost before this one (kernel: ring full)", put into `text`; `where` is
// "before this one". Needs packets() > 0.
std::string_view describe(const Loss& loss, std::string_view where, LossText& text) noexcept;

}  // namespace weir::output

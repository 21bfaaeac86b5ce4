// Who takes the time of a packet: the network card when it arrives, or the kernel soon afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::interface {

enum class TimestampSource : std::uint8_t { Kernel, Hardware };
// "kernel", "hardware".
std::string_view name_of(TimestampSource source) noexcept;

// Hardware when somebody has switched hardware timestamps of received packets on (as `hwstamp_ctl`
// or ptp4l do, for every packet and the whole host); we never switch them on ourselves. They are
// the time of the card's own clock, which whoever switched them on also keeps right. Set-up; needs
// no right.
TimestampSource timestamp_source_of(const std::string& interface) noexcept;

}  // namespace weir::interface

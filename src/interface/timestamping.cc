#include "interface/timestamping.h"

#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/unique_fd.h"

namespace weir::interface {

std::string_view name_of(TimestampSource source) noexcept {
  return source == TimestampSource::Hardware ? "hardware" : "kernel";
}

TimestampSource timestamp_source_of(const std::string& interface) noexcept {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  hwtstamp_config config{};
  ifreq request{};
  interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&config);
  // Most drivers without such a clock say that they don't know the question.
  if (!socket || ::ioctl(socket.get(), SIOCGHWTSTAMP, &request) != 0) {
    return TimestampSource::Kernel;
  }
  // Other values than ALL stamp a part of the packets; the kernel stamps the rest.
  return config.rx_filter == HWTSTAMP_FILTER_ALL ? TimestampSource::Hardware
                                                 : TimestampSource::Kernel;
}

}  // namespace weir::interface

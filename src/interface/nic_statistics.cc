#include "interface/nic_statistics.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weir::interface {
namespace {

// ENA's counters of packets that the instance type does not allow for.
constexpr std::string_view kAllowanceSuffix = "_allowance_exceeded";
constexpr std::string_view kNic = "nic";

// No driver has more; a larger number would be none.
constexpr std::uint32_t kDriverCountersMax = 64 * 1024;

// The header of an ethtool request, and the table that the driver puts behind it.
template <typename Header, typename Entry>
class Table {
 public:
  Table(Header header, std::size_t count) : bytes_(sizeof header + count * sizeof(Entry)) {
    std::memcpy(bytes_.data(), &header, sizeof header);
  }
  std::uint8_t* data() noexcept { return bytes_.data(); }
  [[nodiscard]] Entry entry(std::size_t index) const noexcept {
    Entry value;
    std::memcpy(&value, bytes_.data() + sizeof(Header) + index * sizeof value, sizeof value);
    return value;
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

class Driver {
 public:
  explicit Driver(const std::string& interface) noexcept
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    interface.copy(request_.ifr_name, sizeof request_.ifr_name - 1);
  }
  bool ask(void* question) noexcept {
    request_.ifr_data = static_cast<char*>(question);
    return ::ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0;
  }

 private:
  UniqueFd socket_;
  ifreq request_{};
};

}  // namespace

std::vector<DriverCounter> read_driver_counters(const std::string& interface) {
  using Name = std::array<char, ETH_GSTRING_LEN>;
  Driver driver(interface);
  ethtool_drvinfo about{};
  about.cmd = ETHTOOL_GDRVINFO;
  if (!driver.ask(&about) || about.n_stats == 0 || about.n_stats > kDriverCountersMax) return {};
  const std::uint32_t count = about.n_stats;

  ethtool_gstrings names_header{};
  names_header.cmd = ETHTOOL_GSTRINGS;
  names_header.string_set = ETH_SS_STATS;
  names_header.len = count;
  Table<ethtool_gstrings, Name> names(names_header, count);
  ethtool_stats values_header{};
  values_header.cmd = ETHTOOL_GSTATS;
  values_header.n_stats = count;
  Table<ethtool_stats, std::uint64_t> values(values_header, count);
  if (!driver.ask(names.data()) || !driver.ask(values.data())) return {};

  std::vector<DriverCounter> counters;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Name name = names.entry(i);
    const auto end = std::find(name.begin(), name.end(), '\0');
    counters.push_back({.name = {name.begin(), end}, .value = values.entry(i)});
  }
  return counters;
}

Result<NicStatistics> NicStatistics::open(int interface_index) {
  WEIR_TRY(RtnetlinkSocket questions, RtnetlinkSocket::open(RtnetlinkSocket::Told::WhenAsked));
  NicStatistics statistics(std::move(questions), interface_index);
  auto facts = statistics.questions_.ask(interface_index);
  if (!facts) return std::move(facts).error();
  // A virtual cable drops in the queue in front of the receiver's stack and counts just that. Cards
  // also count what is no packet for this host, or the same packet in two places.
  statistics.exact_ = facts->kind == "veth";
  if (facts->exists) statistics.see(*facts);
  for (Growth& growth : statistics.growth_) growth.total = 0;
  for (UpstreamLoss& loss : statistics.losses_) loss.count = 0;
  return statistics;
}

const std::vector<UpstreamLoss>& NicStatistics::read() {
  const auto facts = questions_.ask(index_);
  if (facts && facts->exists) see(*facts);
  return losses_;
}

void NicStatistics::see(const LinkFacts& facts) {
  see(kNic, facts.dropped + facts.missed + facts.overflowed, exact_);
  for (const DriverCounter& counter : read_driver_counters(facts.name)) {
    if (counter.name.ends_with(kAllowanceSuffix)) see(counter.name, counter.value, false);
  }
}

void NicStatistics::see(std::string_view name, std::uint64_t value, bool exact) {
  std::size_t index = 0;
  while (index < losses_.size() && losses_[index].name != name) ++index;
  if (index == losses_.size()) {
    losses_.push_back({.name = std::string(name), .exact = exact});
    growth_.emplace_back();
  }
  growth_[index].see(value);
  losses_[index].count = growth_[index].total;
}

}  // namespace weir::interface

#include "interface/network_interfaces.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/edit_distance.h"
#include "base/unique_fd.h"

namespace weir::interface {
namespace {

using NameIndex = std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)>;

// Asks the kernel about one interface by one of the SIOCGIF... requests.
class Question {
 public:
  Question(const UniqueFd& socket, const std::string& name) noexcept : socket_(socket) {
    std::memcpy(request_.ifr_name, name.data(),
                std::min<std::size_t>(name.size(), sizeof request_.ifr_name - 1));
  }
  bool ask(unsigned long what) noexcept { return ::ioctl(socket_.get(), what, &request_) == 0; }
  ifreq& request() noexcept { return request_; }

 private:
  const UniqueFd& socket_;
  ifreq request_{};
};

// By ethtool and not from /sys, which may be mounted for another network namespace.
std::uint64_t speed_of(Question& question) noexcept {
  constexpr std::uint64_t kMegabit = 1'000'000;
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  question.request().ifr_data = reinterpret_cast<char*>(&command);
  if (!question.ask(SIOCETHTOOL)) return 0;
  const std::uint32_t megabits = ethtool_cmd_speed(&command);
  const bool unknown = megabits == static_cast<std::uint32_t>(SPEED_UNKNOWN);
  return unknown ? 0 : megabits * kMegabit;
}

// What cannot be learned stays at its default: the interface may be removed while we ask.
NetworkInterface facts_of(std::string name, int index, const UniqueFd& socket) {
  NetworkInterface found{.name = std::move(name), .index = index};
  Question question(socket, found.name);
  const ifreq& answer = question.request();
  if (question.ask(SIOCGIFHWADDR)) found.hardware_type = answer.ifr_hwaddr.sa_family;
  if (question.ask(SIOCGIFFLAGS)) {
    found.up = (answer.ifr_flags & IFF_UP) != 0;
    found.running = (answer.ifr_flags & IFF_RUNNING) != 0;
    found.loopback = (answer.ifr_flags & IFF_LOOPBACK) != 0;
  }
  if (question.ask(SIOCGIFMTU)) found.mtu = static_cast<std::uint32_t>(answer.ifr_mtu);
  found.speed = speed_of(question);
  return found;
}

Error unknown_interface(std::string_view name, const std::vector<NetworkInterface>& all) {
  std::string context = "no network interface is called '";
  context += name;
  context += all.empty() ? "' (there is none)" : "' (there are: ";
  bool first = true;
  for (const std::string& known : nearest_names(all, name)) {
    if (!std::exchange(first, false)) context += ", ";
    context += known;
  }
  if (!all.empty()) context += ")";
  return Error{.code = ErrorCode::UnknownInterface, .context = std::move(context)};
}

}  // namespace

Result<std::vector<NetworkInterface>> list_network_interfaces() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error(errno, "list the network interfaces");
  // Not getifaddrs(): it leaves out interfaces that have neither a link-layer nor an IP address.
  const NameIndex names(::if_nameindex(), &::if_freenameindex);
  if (!names) return system_error(errno, "list the network interfaces");

  std::vector<NetworkInterface> all;
  for (const auto* entry = names.get(); entry->if_index != 0; ++entry) {
    all.push_back(facts_of(entry->if_name, static_cast<int>(entry->if_index), socket));
  }
  std::sort(all.begin(), all.end(),
            [](const NetworkInterface& a, const NetworkInterface& b) { return a.index < b.index; });
  return all;
}

Result<NetworkInterface> find_network_interface(std::string_view name) {
  WEIR_TRY(std::vector<NetworkInterface> all, list_network_interfaces());
  for (NetworkInterface& candidate : all) {
    if (candidate.name == name) return std::move(candidate);
  }
  return unknown_interface(name, all);
}

std::vector<std::string> nearest_names(const std::vector<NetworkInterface>& all,
                                       std::string_view wanted) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  ranked.reserve(all.size());
  for (const NetworkInterface& one : all) {
    ranked.emplace_back(edit_distance(one.name, wanted), one.name);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  names.reserve(ranked.size());
  for (auto& [distance, name] : ranked) names.push_back(std::move(name));
  return names;
}

}  // namespace weir::interface

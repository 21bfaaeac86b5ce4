#include "support/network_namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "support/command.h"

namespace weir::test {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";
constexpr const char* kTunDevice = "/dev/net/tun";

UniqueFd own_namespace() { return UniqueFd(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC)); }

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
}

bool may_make_namespaces() {
  const UniqueFd before = own_namespace();
  if (::unshare(CLONE_NEWNET) != 0) return false;
  return ::setns(before.get(), CLONE_NEWNET) == 0;
}

// Lets the programs that a test starts have the capabilities that this process has in its
// namespaces.
void bequeath_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  ::syscall(SYS_capget, &header, sets.data());
  for (__user_cap_data_struct& set : sets) set.inheritable = set.permitted;
  ::syscall(SYS_capset, &header, sets.data());
  for (const int capability : {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN}) {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  }
}

std::string enter_user_namespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return std::string("neither root nor allowed to make a user namespace: ") +
           std::strerror(errno);
  }
  write_text("/proc/self/setgroups", "deny");
  // The same ids inside as outside: programs such as tcpdump that find themselves to be root want
  // to become somebody else, who does not exist in here.
  const std::string own_uid = std::to_string(uid);
  const std::string own_gid = std::to_string(gid);
  write_text("/proc/self/uid_map", own_uid + " " + own_uid + " 1");
  write_text("/proc/self/gid_map", own_gid + " " + own_gid + " 1");
  bequeath_capabilities();
  return may_make_namespaces() ? "" : "a user namespace does not allow network namespaces here";
}

}  // namespace

const std::string& why_no_namespaces() {
  static const std::string kReason = may_make_namespaces() ? "" : enter_user_namespace();
  return kReason;
}

const std::string& why_no_tun() {
  static const std::string kReason =
      ::access(kTunDevice, R_OK | W_OK) == 0
          ? ""
          : std::string("cannot open ") + kTunDevice + ": " + std::strerror(errno);
  return kReason;
}

NetworkNamespace::NetworkNamespace() {
  const UniqueFd before = own_namespace();
  EXPECT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
  // The files under /proc/sys/net are those of the namespace of the thread that opens them.
  write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  ip({"link", "set", "lo", "up"});
  fd_ = own_namespace();
  EXPECT_EQ(::setns(before.get(), CLONE_NEWNET), 0) << std::strerror(errno);
}

InNamespace::InNamespace(const NetworkNamespace& network) : before_(own_namespace()) {
  EXPECT_EQ(::setns(network.fd(), CLONE_NEWNET), 0) << std::strerror(errno);
}

InNamespace::~InNamespace() {
  EXPECT_EQ(::setns(before_.get(), CLONE_NEWNET), 0) << std::strerror(errno);
}

void ip(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"ip"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const CommandResult result = run_command(command);
  EXPECT_EQ(result.status, 0) << "ip " << testing::PrintToString(arguments) << ": " << result.err;
}

void add_veth_pair(const std::string& left, const std::string& right, std::uint32_t mtu) {
  const std::string bytes = std::to_string(mtu);
  ip({"link", "add", left, "mtu", bytes, "type", "veth", "peer", "name", right, "mtu", bytes});
  ip({"link", "set", left, "up"});
  ip({"link", "set", right, "up"});
}

TunDevice::TunDevice(const std::string& name, std::uint16_t hardware_type)
    : fd_(::open(kTunDevice, O_RDWR | O_CLOEXEC)) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  EXPECT_EQ(::ioctl(fd_.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  EXPECT_EQ(::ioctl(fd_.get(), TUNSETLINK, static_cast<unsigned long>(hardware_type)), 0)
      << std::strerror(errno);
  ip({"link", "set", name, "up"});
}

void TunDevice::receive(const std::vector<std::uint8_t>& packet) {
  EXPECT_EQ(::write(fd_.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()))
      << std::strerror(errno);
}

}  // namespace weir::test

// Network namespaces for tests: interfaces and traffic of their own, out of the host's sight and of
// each other's. Where the process is not root it first enters a user namespace of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "support/skip.h"

namespace weir::test {

// Empty when this process may make network namespaces, else the reason why not. The first call must
// come before the process starts threads.
const std::string& why_no_namespaces();
// Empty when it may make TUN devices, else the reason why not.
const std::string& why_no_tun();

// A network namespace without IPv6 and without any interface but `lo`, which is up: no packet is
// ever sent that the test did not send. It goes, with its interfaces, when the last user has left.
class NetworkNamespace {
 public:
  NetworkNamespace();
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// The calling thread is in the namespace as long as this lives. Sockets stay in the namespace in
// which they were made.
class InNamespace {
 public:
  explicit InNamespace(const NetworkNamespace& network);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  UniqueFd before_;
};

// In the calling thread's namespace: a pair of virtual Ethernet interfaces, up, whose ends are
// `left` and `right`: what is sent on one arrives at the other.
void add_veth_pair(const std::string& left, const std::string& right, std::uint32_t mtu = 1500);

// An interface that was set up sends only after the kernel has, some time later, seen its carrier.
void wait_until_running(const std::string& interface);

// Runs `ip` with these arguments; a failure fails the test.
void ip(const std::vector<std::string>& arguments);

// A TUN device of the calling thread's namespace: packets written to the descriptor arrive on it.
class TunDevice {
 public:
  // `hardware_type` is an ARPHRD_* value; TUN's own is ARPHRD_NONE.
  TunDevice(const std::string& name, std::uint16_t hardware_type);
  void receive(const std::vector<std::uint8_t>& packet);

 private:
  UniqueFd fd_;
};

}  // namespace weir::test

// CI promises the rights for both.
#define WEIR_SKIP_WITHOUT_NAMESPACES() \
  WEIR_SKIP_BECAUSE(::weir::test::why_no_namespaces(), ::weir::test::UnderCi::Fail)
#define WEIR_SKIP_WITHOUT_TUN() \
  WEIR_SKIP_BECAUSE(::weir::test::why_no_tun(), ::weir::test::UnderCi::Fail)

// The memory of a capture: taken at once, less where the kernel has less.
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "interface_live/shared_capture.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;

constexpr std::uint32_t kBlockBytes = 512 * 1024;

class AfPacketRings : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

// Stops the calling thread, and no other, at each request for a ring. Gives the descriptor by which
// another thread answers.
UniqueFd supervise_ring_requests() {
  std::array program = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 4),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_RX_RING, 0, 2),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_PACKET, 1, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  EXPECT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  UniqueFd fd(static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter)));
  EXPECT_TRUE(fd) << std::strerror(errno);
  return fd;
}

// Plays a kernel that has memory for so many bytes of rings: all requests beyond are refused.
void answer_ring_requests(int supervisor, std::uint64_t free_bytes) {
  for (;;) {
    pollfd waited{.fd = supervisor, .events = POLLIN, .revents = 0};
    // Ends when the supervised thread has.
    if (::poll(&waited, 1, -1) < 0 || (waited.revents & POLLIN) == 0) return;
    seccomp_notif question{};
    if (::ioctl(supervisor, SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) continue;
    tpacket_req3 request{};
    // A pointer of the thread that asks, which is one of this process.
    std::memcpy(&request, std::bit_cast<const void*>(question.data.args[3]), sizeof request);
    const std::uint64_t bytes = std::uint64_t{request.tp_block_size} * request.tp_block_nr;
    const bool granted = bytes <= free_bytes;
    if (granted) free_bytes -= bytes;
    seccomp_notif_resp answer{};
    answer.id = question.id;
    answer.error = granted ? 0 : -ENOMEM;
    answer.flags = granted ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
    EXPECT_EQ(::ioctl(supervisor, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
  }
}

// Calls `open` in a thread of the namespace in which ring memory is short.
void with_free_memory(std::uint64_t bytes, const NetworkNamespace& network,
                      const std::function<void()>& open) {
  std::promise<UniqueFd> supervisor;
  std::thread supervised([&] {
    const InNamespace inside(network);
    supervisor.set_value(supervise_ring_requests());
    open();
  });
  const UniqueFd fd = supervisor.get_future().get();
  answer_ring_requests(fd.get(), bytes);
  supervised.join();
}

TEST_F(AfPacketRings, WhereMemoryIsShortARingIsHalvedUntilItFits) {
  const NetworkNamespace network;
  with_free_memory(std::uint64_t{23} << 20, network, [] {
    SharedCapture capture({.interfaces = {"lo"}, .workers_per_interface = 3});
    const std::vector<AfPacketQueue>& queues = capture.opened().queues;
    EXPECT_EQ(queues[0].ring_bytes, 16u << 20);
    EXPECT_EQ(queues[1].ring_bytes, 4u << 20);
    EXPECT_EQ(queues[2].ring_bytes, 2u << 20) << "two blocks are the least";
    TrafficSocket("lo").send_one(test::udp_frame(1));
    capture.take(1);
  });
}

TEST_F(AfPacketRings, WhereThereIsNotEvenTheLeastTheErrorSaysSo) {
  const NetworkNamespace network;
  with_free_memory(1u << 20, network, [] {
    const SystemClock clock;
    security::InProcessPrivileges privileges;
    const auto opened = open_af_packet_sources({.interfaces = {"lo"}}, privileges, clock);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::Resource);
    EXPECT_EQ(opened.error().context,
              "capture on lo: make a packet ring of 2097152 bytes: Cannot allocate memory "
              "(ask for a smaller ring, or free memory)");
  });
}

long faults_of_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

TEST_F(AfPacketRings, AllMemoryIsThereBeforeTheFirstPacket) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 9000);
  constexpr std::size_t kFrameBytes = 8192;
  constexpr std::uint64_t kRingBytes = std::uint64_t{8} << 20;
  LiveCapture capture({.interface = "left", .ring_bytes = kRingBytes, .block_bytes = kBlockBytes});
  std::vector<FrameBytes> sent;
  for (std::uint32_t i = 0; i < 700; ++i) sent.push_back(test::udp_frame(i, kFrameBytes));
  TrafficSocket("left").send(sent);

  PacketBatch batch{};
  std::size_t delivered = 0;
  std::uint64_t sum = 0;
  const long before = faults_of_this_thread();
  while (delivered < sent.size() &&
         capture.source().next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
             Pull::Packets) {
    for (const Packet& packet : batch.view()) sum += packet.data[0] + packet.data[4096];
    delivered += batch.count;
    capture.source().release(batch);
  }
  const long faults = faults_of_this_thread() - before;

  EXPECT_EQ(delivered, sent.size());
  EXPECT_GT(sum, 0u);
  // Two pages of each packet were read. Some faults are those of code that had not run before, and
  // of a sanitizer's notes.
  EXPECT_LT(faults, static_cast<long>(sent.size()));
}

}  // namespace
}  // namespace weir::interface

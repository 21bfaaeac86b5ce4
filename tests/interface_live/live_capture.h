// A live capture under test: opens an AF_PACKET source, keeps a copy of all that it delivers, and
// checks the ledger at every batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "interface/af_packet_source.h"
#include "security/privileged_operations.h"
#include "support/traffic_socket.h"

namespace weir::interface {

struct CapturedFrame {
  test::FrameBytes bytes;
  std::uint32_t wire_bytes;
  Timestamp time;
  LinkType link_type;
  InterfaceId interface;
};

class LiveCapture {
 public:
  // Fails the test when the source does not open.
  explicit LiveCapture(const AfPacketOptions& options);
  explicit LiveCapture(std::unique_ptr<AfPacketSource> source) : source_(std::move(source)) {}
  // The same with other rights, which outlive the capture.
  LiveCapture(const AfPacketOptions& options, security::PrivilegedOperations& privileges);

  // Pulls until `count` frames have been delivered since the beginning; gives up, and fails the
  // test, when that takes far too long.
  void take(std::size_t count);
  // Sends the frames and takes them, in portions: between the two ends of a virtual cable stands a
  // queue of the kernel that drops what comes too fast, before any capture sees it.
  void exchange(test::TrafficSocket& sender, std::span<const test::FrameBytes> frames);
  // Pulls until nothing more comes; returns how it ended.
  Pull drain();
  // One pull, copied and released.
  Pull pull(Duration timeout, std::uint32_t packets_max = kBatchPacketsMax);

  [[nodiscard]] AfPacketSource& source() noexcept { return *source_; }
  [[nodiscard]] const std::vector<CapturedFrame>& frames() const noexcept { return frames_; }
  [[nodiscard]] std::vector<test::FrameBytes> bytes() const;
  [[nodiscard]] std::uint32_t largest_batch_bytes() const noexcept { return largest_batch_bytes_; }

 private:
  SystemClock clock_;
  security::InProcessPrivileges privileges_;
  std::unique_ptr<AfPacketSource> source_;
  std::vector<CapturedFrame> frames_;
  std::uint32_t largest_batch_bytes_ = 0;
  PacketBatch batch_;
};

// Says which frame differs, and how long the two are: whole frames would fill the screen.
void expect_same_frames(const std::vector<test::FrameBytes>& actual,
                        const std::vector<test::FrameBytes>& expected);

struct Ledger {
  std::uint64_t received;
  std::uint64_t delivered;
  std::uint64_t dropped_kernel;
  std::uint64_t dropped_stop;
  std::uint64_t rejected;  // by the kernel's filter
  std::uint64_t in_ring;

  [[nodiscard]] bool law_holds() const noexcept {
    return received == delivered + dropped_kernel + dropped_stop + rejected + in_ring;
  }
};
Ledger ledger_of(const Source& source);
void PrintTo(const Ledger& ledger, std::ostream* out);

}  // namespace weir::interface

// Batches made by hand or drawn from a seed, and the laws that every sink keeps.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/capture_interface.h"
#include "base/packet_batch.h"
#include "base/prng.h"
#include "base/verdicts.h"
#include "output/sink.h"
#include "support/pcapng_walker.h"

namespace weir::output {

inline constexpr SessionMask kSession = 1;

// One pcapng option as a TLV with padding.
std::vector<std::uint8_t> option_bytes(std::uint16_t code, const std::string& value);

// A batch that owns what it lends. `all()` wants every packet.
class TestBatch {
 public:
  Packet& add(std::string frame, std::int64_t ns, std::uint32_t interface = 0);
  void add_side_block(std::uint32_t type, std::vector<std::uint8_t> body,
                      std::uint32_t interface = 0);
  // A Section Header with these options; its interfaces begin at that table index.
  void add_section(const std::vector<std::uint8_t>& options, std::uint32_t first_interface);

  // So many were lost before the packet that is added next.
  void add_gap(std::uint64_t packets, std::uint32_t interface = 0);

  [[nodiscard]] const PacketBatch& batch();
  [[nodiscard]] static std::unique_ptr<Verdicts> all();

 private:
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::deque<std::string> frames_;
  std::deque<std::vector<std::uint8_t>> bodies_;
  std::vector<SideBlock> side_blocks_;
};

// What is offered to a sink in a seeded test, remembered for comparison.
struct Offered {
  std::string data;
  std::uint64_t time = 0;
};

// Up to 256 packets of up to `bytes_max` bytes; each is wanted or not. What is wanted is appended
// to `offered`.
void draw_batch(Prng& random, std::uint32_t bytes_max, TestBatch& batch, Verdicts& verdicts,
                std::vector<Offered>& offered);

// offered = written + Σ lost + pending.
void expect_law(const SinkStatistics& statistics);
[[nodiscard]] std::uint64_t total_lost(const SinkStatistics& statistics);

// The walked file holds exactly the first `count` of `offered`, in order.
void expect_prefix(const test::WalkedFile& file, const std::vector<Offered>& offered,
                   std::uint64_t count);

}  // namespace weir::output

#include "output_fixture.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::output {

std::vector<std::uint8_t> option_bytes(std::uint16_t code, const std::string& value) {
  std::vector<std::uint8_t> out(4 + align_up(value.size(), 4));
  store_le(out.data(), code);
  store_le(out.data() + 2, static_cast<std::uint16_t>(value.size()));
  std::copy(value.begin(), value.end(), out.begin() + 4);
  return out;
}

Packet& TestBatch::add(std::string frame, std::int64_t ns, std::uint32_t interface) {
  frames_.push_back(std::move(frame));
  Packet& packet = batch_->packets[batch_->count++];
  packet = Packet{};
  packet.data = reinterpret_cast<const std::uint8_t*>(frames_.back().data());
  packet.time = {ns};
  packet.captured_bytes = static_cast<std::uint32_t>(frames_.back().size());
  packet.wire_bytes = packet.captured_bytes;
  packet.interface = {interface};
  return packet;
}

void TestBatch::add_side_block(std::uint32_t type, std::vector<std::uint8_t> body,
                               std::uint32_t interface) {
  bodies_.push_back(std::move(body));
  side_blocks_.push_back(
      {.before = batch_->count, .type = type, .interface = {interface}, .body = bodies_.back()});
}

void TestBatch::add_section(const std::vector<std::uint8_t>& options,
                            std::uint32_t first_interface) {
  add_side_block(0x0a0d0d0a, options, first_interface);
}

void TestBatch::add_gap(std::uint64_t packets, std::uint32_t interface) {
  batch_->gap = {.interface = {interface}, .before = batch_->count, .packets = packets};
}

const PacketBatch& TestBatch::batch() {
  batch_->side_blocks = side_blocks_;
  return *batch_;
}

std::unique_ptr<Verdicts> TestBatch::all() {
  auto verdicts = std::make_unique<Verdicts>();
  verdicts->wanted.fill(kSession);
  return verdicts;
}

void draw_batch(Prng& random, std::uint32_t bytes_max, TestBatch& batch, Verdicts& verdicts,
                std::vector<Offered>& offered) {
  const std::uint64_t count = random.below(kBatchPacketsMax + 1);
  std::uint64_t budget = kBatchBytesMax;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t length = random.below(bytes_max + 1);
    if (length > budget) break;
    budget -= length;
    std::string frame(length, static_cast<char>(random.next()));
    for (std::size_t at = 0; at < frame.size(); at += 97)
      frame[at] = static_cast<char>(random.next());
    const auto time = static_cast<std::int64_t>(random.next() >> 1);
    const bool wanted = random.chance(9, 10);
    verdicts.wanted[i] = wanted ? kSession | 4 : 2;
    if (wanted) offered.push_back({frame, static_cast<std::uint64_t>(time)});
    batch.add(std::move(frame), time);
  }
}

std::uint64_t total_lost(const SinkStatistics& statistics) {
  std::uint64_t lost = 0;
  for (const auto& reason : statistics.lost) lost += reason.value();
  return lost;
}

void expect_law(const SinkStatistics& statistics) {
  ASSERT_EQ(statistics.offered.value(),
            statistics.written.value() + total_lost(statistics) + statistics.pending.value());
}

void expect_prefix(const test::WalkedFile& file, const std::vector<Offered>& offered,
                   std::uint64_t count) {
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.packets.size(), count);
  ASSERT_LE(count, offered.size());
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(file.packets[i].time, offered[i].time) << "packet " << i;
    ASSERT_TRUE(file.packets[i].data == offered[i].data) << "packet " << i;
  }
}

}  // namespace weir::output

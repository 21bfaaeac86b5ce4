// Packets for the stages of the analysis, given to them as a pipeline does, and what they told.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "capture/inline_flows.h"
#include "output/json_record.h"
#include "protocol/headers/parse_batch.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"

namespace weir::test {

inline constexpr Timestamp kTrafficStart{1'700'000'000'000'000'000};

struct TimedFrame {
  std::vector<std::uint8_t> bytes;
  Timestamp time;
};

// One UDP packet from this port.
inline TimedFrame udp_at(Duration time, std::uint16_t port = 5000) {
  return {PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(port, 53).payload(20).build(),
          kTrafficStart + time};
}
// The same in VXLAN, from the same port.
inline TimedFrame vxlan_at(Duration time, std::uint16_t port = 5000) {
  return {PacketBuilder()
              .ethernet()
              .ipv4("192.0.2.1", "192.0.2.2")
              .udp(port, 4789)
              .vxlan(7)
              .ethernet()
              .ipv4("10.0.0.1", "10.0.0.2")
              .udp(port, 53)
              .payload(20)
              .build(),
          kTrafficStart + time};
}

// Fragments, and packets whose time is before that of others that came earlier.
enum class Oddities : std::uint8_t { No, Yes };

// About half an hour of it: flows in tunnels and outside, both ways, and packets that are no
// flow's.
inline std::vector<TimedFrame> random_traffic(Prng& random, Oddities oddities) {
  const bool odd = oddities == Oddities::Yes;
  std::vector<BothWays> flows(20 + random.below(60));
  for (BothWays& flow : flows) flow = random_flow(random);
  const std::vector<std::uint8_t> arp = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1};
  std::vector<TimedFrame> frames;
  Timestamp time = kTrafficStart;
  for (std::uint64_t i = 0, count = 100 + random.below(900); i < count; ++i) {
    time = time + std::chrono::milliseconds(random.chance(1, 50) ? random.below(60'000)
                                                                 : random.below(2'000));
    const Timestamp own =
        odd && random.chance(1, 10) ? time + -std::chrono::milliseconds(700) : time;
    if (i < 3 || random.chance(1, 20)) {
      frames.push_back({arp, own});
    } else if (odd && random.chance(1, 10)) {
      const auto id = static_cast<std::uint16_t>(i);
      frames.push_back({PacketBuilder()
                            .ethernet()
                            .ipv4("10.3.0.1", "10.3.0.2", {.id = id, .more_fragments = true})
                            .udp(static_cast<std::uint16_t>(random.below(3)), 9)
                            .payload(24)
                            .build(),
                        own});
      if (random.chance(1, 4)) continue;  // never whole
      frames.push_back({PacketBuilder()
                            .ethernet()
                            .ipv4("10.3.0.1", "10.3.0.2", {.id = id, .fragment_offset = 4})
                            .payload(10)
                            .ip_protocol(17)
                            .build(),
                        own});
    } else {
      const BothWays& flow = flows[random.below(flows.size())];
      frames.push_back({random.chance(1, 2) ? flow.there : flow.back, own});
    }
  }
  return frames;
}

// Gives packets to a stage; all are wanted.
class Feeder {
 public:
  Feeder() { verdicts_->wanted.fill(kSession); }
  void feed(capture::DeepStage& stage, std::span<const TimedFrame> frames,
            std::size_t batch_max = kBatchPacketsMax) {
    for (std::size_t at = 0; at < frames.size(); at += batch_max) {
      fill(frames.subspan(at, std::min(batch_max, frames.size() - at)));
      stage.take(*batch_, *headers_, *keys_, *verdicts_, kSession, nullptr);
    }
  }
  // The same, and the uids of each packet, the outermost first.
  std::vector<std::vector<std::string>> uids_of(capture::DeepStage& stage,
                                                std::span<const TimedFrame> frames,
                                                std::size_t batch_max = kBatchPacketsMax) {
    std::vector<std::vector<std::string>> all;
    for (std::size_t at = 0; at < frames.size(); at += batch_max) {
      fill(frames.subspan(at, std::min(batch_max, frames.size() - at)));
      stage.take(*batch_, *headers_, *keys_, *verdicts_, kSession, &uids_);
      for (std::uint32_t i = 0; i < batch_->count; ++i) {
        std::vector<std::string>& of_packet = all.emplace_back();
        for (const protocol::Uid& uid : uids_.of(i)) {
          if (!uid.empty()) of_packet.emplace_back(protocol::text_of(uid).view());
        }
      }
    }
    return all;
  }
  // Of the innermost flow, the same both ways.
  std::uint64_t flow_hash(const TimedFrame& frame) {
    fill({&frame, 1});
    return (*headers_)[0].flow_hash;
  }

 private:
  static constexpr SessionMask kSession = 1;

  void fill(std::span<const TimedFrame> frames) {
    batch_->count = static_cast<std::uint32_t>(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto bytes = static_cast<std::uint32_t>(frames[i].bytes.size());
      batch_->packets[i] = {.data = frames[i].bytes.data(),
                            .time = frames[i].time,
                            .captured_bytes = bytes,
                            .wire_bytes = bytes,
                            .link_type = LinkType::Ethernet};
    }
    protocol::parse_batch(*batch_, *headers_, *keys_);
  }

  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
  protocol::FlowUids uids_;
};

// Keeps records as the lines that they are written as, and looks at their order.
class Lines final : public protocol::RecordSink {
 public:
  void take(const protocol::Record& record) override {
    EXPECT_LE(last_, record.order);
    EXPECT_LE(reached_, record.order) << "a record before what had been reached";
    last_ = record.order;
    const std::size_t bytes = output::write_json_line(line_, record, context_);
    lines.push_back(std::string(protocol::name_of(protocol::log_of(record))) + " " +
                    std::string(line_.data(), bytes));
  }
  void reached(protocol::RecordOrder order) override {
    EXPECT_LE(reached_, order);
    reached_ = order;
  }
  [[nodiscard]] bool ended() const { return ~reached_.tick == 0 && ~reached_.rank == 0; }
  [[nodiscard]] std::vector<std::string> of(const std::string& log) const {
    std::vector<std::string> found;
    for (const std::string& line : lines) {
      if (line.starts_with(log + " ")) found.push_back(line);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::vector<std::string> lines;

 private:
  protocol::RecordOrder last_;
  protocol::RecordOrder reached_;
  protocol::RecordContext context_{};
  std::array<char, output::kJsonLineMax> line_{};
};

// What one thread tells of it.
inline std::vector<std::string> told_by_one(std::span<const TimedFrame> frames,
                                            const capture::FlowAnalysisOptions& options = {},
                                            std::size_t batch_max = kBatchPacketsMax) {
  Lines lines;
  auto stage = capture::InlineFlows::make(options, lines);
  EXPECT_TRUE(stage.ok());
  Feeder().feed(**stage, frames, batch_max);
  (*stage)->finish();
  return std::move(lines.lines);
}

}  // namespace weir::test

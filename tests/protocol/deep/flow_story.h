// A few packets of one flow, told in order, and what the engine made of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/deep/flow_engine.h"

namespace weir::protocol {

inline constexpr std::uint8_t kSyn = kTcpSyn;
inline constexpr std::uint8_t kAck = kTcpAck;
inline constexpr std::uint8_t kFin = kTcpFin;
inline constexpr std::uint8_t kRst = kTcpRst;

inline constexpr Timestamp kStoryStart{1'700'000'000'000'000'000};

// Keeps all records, and checks that they come in order and not after it was said that none would.
class KeptRecords final : public RecordSink {
 public:
  void take(const Record& record) override {
    EXPECT_LE(last_, record.order);
    EXPECT_LE(reached_, record.order);
    last_ = record.order;
    records.push_back(record);
  }
  void reached(RecordOrder order) override {
    EXPECT_LE(reached_, order);
    reached_ = order;
  }
  template <typename T>
  [[nodiscard]] std::vector<T> of() const {
    std::vector<T> found;
    for (const Record& record : records) {
      if (const T* const body = std::get_if<T>(&record.body)) found.push_back(*body);
    }
    return found;
  }

  std::vector<Record> records;

 private:
  RecordOrder last_;
  RecordOrder reached_;
};

// "S0 S 0/0": state, history, payload bytes of originator and responder.
inline std::string summary(const ConnRecord& conn) {
  return std::string(name_of(conn.state)) + " " +
         std::string(conn.history.data(), conn.history_bytes) + " " +
         std::to_string(conn.payload_bytes[0]) + "/" + std::to_string(conn.payload_bytes[1]);
}

inline FlowKey story_key(std::uint16_t low_port, std::uint16_t high_port, std::uint8_t protocol) {
  FlowKey key{
      .low_port = low_port, .high_port = high_port, .ip_protocol = protocol, .ip_version = 4};
  key.low = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}};
  key.high = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2}};
  return key;
}

// The client is the end with the lower address.
class Story {
 public:
  struct Tcp {
    std::uint8_t flags = kAck;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint32_t payload_bytes = 0;
    std::uint16_t window = 1000;
    Checksum checksum = Checksum::NotChecked;
    bool bad_header = false;
    bool payload_cut = false;
  };

  explicit Story(FlowOptions options = {}, std::uint16_t client_port = 50'000,
                 std::uint16_t server_port = 50'001)
      : key_(story_key(client_port, server_port, 6)) {
    auto engine = FlowEngine::make(options, all_shards(), records);
    EXPECT_TRUE(engine.ok());
    engine_ = std::move(*engine);
  }

  // The next packet comes this long after the first; else 10 ms after the one before.
  Story& at(Duration time) {
    time_ = kStoryStart + time;
    return *this;
  }
  // Of its own, not of the flow clock.
  Story& late_by(Duration lag) {
    lag_ = lag;
    return *this;
  }

  void client(const Tcp& tcp) { take(tcp, End::Low); }
  void server(const Tcp& tcp) { take(tcp, End::High); }
  // SYN 100, SYN and ACK 500, ACK.
  void handshake() {
    client({.flags = kSyn, .sequence = 100});
    server({.flags = kSyn | kAck, .sequence = 500, .acknowledgement = 101});
    client({.sequence = 101, .acknowledgement = 501});
  }

  void take(FlowPacket packet) {
    packet.time = time_ + -lag_;
    packet.now = time_;
    packet.ordinal = ordinal_++;
    engine_->take({&packet, 1});
    time_ = time_ + std::chrono::milliseconds(10);
    lag_ = Duration(0);
  }

  // The capture is over.
  std::vector<ConnRecord> end() {
    engine_->finish(time_);
    return records.of<ConnRecord>();
  }
  std::string only() {
    const std::vector<ConnRecord> conns = end();
    EXPECT_EQ(conns.size(), 1u);
    return conns.empty() ? std::string() : summary(conns.front());
  }

  FlowEngine& engine() { return *engine_; }
  [[nodiscard]] const FlowKey& key() const { return key_; }

  KeptRecords records;

 private:
  void take(const Tcp& tcp, End sender) {
    take(FlowPacket{.key = key_,
                    .sender = sender,
                    .kind = FlowKind::Tcp,
                    .checksum = tcp.checksum,
                    .bad_header = tcp.bad_header,
                    .payload_cut = tcp.payload_cut,
                    .tcp_flags = tcp.flags,
                    .window = tcp.window,
                    .sequence = tcp.sequence,
                    .acknowledgement = tcp.acknowledgement,
                    .ip_bytes = 40 + tcp.payload_bytes,
                    .payload_bytes = tcp.payload_bytes});
  }

  FlowKey key_;
  std::unique_ptr<FlowEngine> engine_;
  Timestamp time_ = kStoryStart;
  Duration lag_{};
  std::uint64_t ordinal_ = 0;
};

}  // namespace weir::protocol

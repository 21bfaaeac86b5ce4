// Packets of a few flows at random from a seed: handshakes, data with losses and repetitions, odd
// flags, pauses around the timeouts, tunnels.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.h"
#include "protocol/deep/flow_options.h"
#include "protocol/deep/flow_packet.h"

namespace weir::protocol {

// A packet with the carriers around it.
using PacketGroup = std::vector<FlowPacket>;

class FlowPackets {
 public:
  struct Options {
    std::uint32_t flows_max = 12;
    std::uint32_t shards = kFlowShards;
    bool raw_numbers = false;  // sequence numbers may jump anywhere
    bool far_back = false;     // packets may be days late
  };
  FlowPackets(std::uint64_t seed, Options options);

  PacketGroup next();
  [[nodiscard]] Timestamp clock() const { return clock_; }

 private:
  struct Talk {
    FlowPacket packet;  // key, kind, shard
    std::uint32_t next[2];
    bool wild = false;
    bool wraps_soon = false;
    unsigned step = 0;
    std::vector<std::size_t> carriers;
  };

  Talk begin_talk(std::size_t number, bool carrier);
  void restart(Talk& talk);
  void move_clock();
  void fill_tcp(Talk& talk, FlowPacket& packet);
  void fill_scripted(Talk& talk, FlowPacket& packet);
  void fill_wild(Talk& talk, FlowPacket& packet);
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_.below(n)); }

  Prng random_;
  Options options_;
  std::vector<Talk> talks_;
  std::vector<Talk> carriers_;
  Timestamp clock_;
  std::uint64_t ordinal_ = 0;
};

}  // namespace weir::protocol

// What an analysis and the outputs that index what they store tell each other of a batch: the uids
// of the flows that each packet belongs to, and where the packets will be stored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/packet_batch.h"
#include "protocol/deep/store_ref.h"
#include "protocol/deep/uid.h"

namespace weir::protocol {

// One for each session and worker, filled anew with each batch. Allocates at construction, and
// where a batch has more flow packets than any before it.
class FlowUids {
 public:
  FlowUids() : uids_(kUsualMax) {}

  // Of a packet of the batch that the session wants: of the flows that carry it, the outermost
  // first, then of the innermost one. None where it belongs to no flow, as a fragment does whose
  // datagram is not whole yet. Empty uids among them are of no flow.
  [[nodiscard]] std::span<const Uid> of(std::uint32_t packet) const noexcept {
    return {uids_.data() + begin_[packet], begin_[packet + 1] - begin_[packet]};
  }

  // Before the analysis: where the batch will be stored from on.
  void set_store_ref(StoreRef ref) noexcept { store_ref_ = ref; }
  [[nodiscard]] StoreRef store_ref() const noexcept { return store_ref_; }

  // By the analysis. In the order of packets, for all of the batch: where those of a packet begin;
  // and where those of the last one end.
  void begin(std::uint32_t packet, std::size_t at) noexcept {
    begin_[packet] = static_cast<std::uint32_t>(at);
  }
  void end(std::uint32_t packets, std::size_t at) noexcept { begin(packets, at); }
  // Then, one for each of the flow packets of the batch, all to be written.
  [[nodiscard]] std::span<Uid> make_room(std::size_t flow_packets) {
    if (flow_packets > uids_.size()) [[unlikely]]
      uids_.resize(flow_packets);
    return std::span(uids_).first(flow_packets);
  }

 private:
  // Every packet in a tunnel that is in a tunnel.
  static constexpr std::size_t kUsualMax = std::size_t{3} * kBatchPacketsMax;

  std::array<std::uint32_t, kBatchPacketsMax + 1> begin_{};
  std::vector<Uid> uids_;
  StoreRef store_ref_;
};

}  // namespace weir::protocol

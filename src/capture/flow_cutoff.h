// The rule action cutoff: of each flow the first bytes behind the headers are stored, and of the
// packets after them the headers alone. Most bytes of a network are in a few long transfers, and
// most of what is asked about later is at their beginning.
//
// A flow is both directions of the innermost addresses and ports, with the tenant
// (Headers::flow_hash); later fragments, which have no ports, are one of their own. It begins anew
// with a TCP SYN, and after kSilence without a packet. Packets without IP are stored whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "filter/rule_set.h"

namespace weir::capture {

// One worker's. 1 MiB, whatever the traffic: of more than kFlows flows at a time, those that were
// silent longest are forgotten, and begin anew. So more may be stored than was asked for, not less.
class FlowCutoff {
 public:
  static constexpr std::size_t kFlows = 65'536;
  static constexpr std::uint32_t kSilence = 300;  // seconds

  FlowCutoff() : sets_(std::make_unique<Set[]>(kSets)) {}

  // Of the packets with the bit `session` for which a cutoff rule decided: counts them, and lessens
  // what `outcomes` keeps of those that begin behind their flow's bound. No allocation.
  void apply(const PacketBatch& batch, const HeadersArray& headers, const Verdicts& verdicts,
             SessionMask session, const filter::RuleSet& rules,
             filter::RuleOutcomes& outcomes) noexcept;

 private:
  struct Flow {
    std::uint64_t hash = 0;
    std::uint32_t bytes = 0;   // so far, behind the headers, on the wire; no more than fit
    std::uint32_t second = 0;  // of its last packet, since 1970
  };
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = kFlows / kWays;
  struct alignas(64) Set {
    std::array<Flow, kWays> flows;
  };

  [[nodiscard]] Set& set_of(std::uint64_t hash) const noexcept;
  static Flow& find(Set& set, std::uint64_t hash) noexcept;

  std::unique_ptr<Set[]> sets_;
};

}  // namespace weir::capture

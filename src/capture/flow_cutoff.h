// The cutoff of a rule, or of a session under pressure: of each flow the first bytes behind the
// headers are stored, and of the packets after them the headers alone. Most bytes of a network are
// in a few long transfers, and most of what is asked about later is at their beginning.
//
// A flow is both directions of the innermost addresses and ports, with the tenant
// (Headers::flow_hash); later fragments, which have no ports, are one of their own. It begins anew
// with a TCP SYN, and after kSilence without a packet. Packets without IP are stored whole. What
// came while no bound was on a flow does not count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "buffer/reserved_array.h"
#include "filter/rule_set.h"

namespace weir::capture {

// What is stored of a flow: the smaller one of both bounds.
struct CutoffBounds {
  const filter::RuleSet* rules = nullptr;  // by what they decided; null: there are none
  std::uint32_t every_flow = 0;            // 0: no bound
};

// One worker's. 1 MiB at most, as flows come: of more than kFlows flows at a time, those that were
// silent longest are forgotten, and begin anew. So more may be stored than was asked for, not less.
class FlowCutoff {
 public:
  static constexpr std::size_t kFlows = 65'536;
  static constexpr std::uint32_t kSilence = 300;  // seconds

  // Memory is there when it is used. ErrorCode::Resource.
  static Result<FlowCutoff> make();

  // Of the packets with the bit `session` whose flow has a bound: counts them, and lessens what
  // `outcomes` keeps of those that begin behind it. No allocation.
  void apply(const PacketBatch& batch, const HeadersArray& headers, const Verdicts& verdicts,
             SessionMask session, const CutoffBounds& bounds,
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

  explicit FlowCutoff(buffer::ReservedArray<Set> sets) : sets_(std::move(sets)) {}
  [[nodiscard]] Set& set_of(std::uint64_t hash) noexcept;
  static Flow& find(Set& set, std::uint64_t hash) noexcept;

  buffer::ReservedArray<Set> sets_;
};

}  // namespace weir::capture

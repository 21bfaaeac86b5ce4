// The ordered rules of a session, compiled: the first rule that matches a packet decides.
//
// What matches:
// - An expression sees what the session's filter sees (Scope).
// - Conditions look at what the header parser found (base/packet_keys.h): the innermost addresses
//   as sent, not as sorted for the flow; the innermost IP protocol; the outermost VLAN tag; the
//   VNI of the innermost VXLAN or GENEVE header; the GWLB endpoint. `nets` and `ports` hold when
//   either end satisfies them: both ends need not be the same entry's.
// - A packet without IP has no addresses, ports and protocol: a rule that asks for one does not
//   match. The same for ports of all but TCP, UDP and SCTP, and of fragments without a transport
//   header; for the VLAN of an untagged packet, and so on: a condition on what is not there fails.
// - An IPv4 net knows IPv4 packets only, an IPv6 net IPv6 packets only, also ::/0 and
// ::ffff:0:0/96.
// - A rule with neither expression nor conditions matches every packet.
//
// What is kept of an accepted frame:
// - accept: all. truncate N: the first N bytes; a frame that is no longer, whole.
// - headers-only: up to the end of the innermost header that the parser understood
//   (Headers::payload_offset), but at least kHeaderBytesMin bytes, so that the link-layer header
//   is there also where the parser stopped at once; a frame that is no longer, whole.
// - cutoff N: all, as far as a single packet says; capture/flow_cutoff.h knows the flow.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "filter/frame_filter.h"
#include "filter/link_programs.h"
#include "filter/rule_classifier.h"
#include "filter/rule_conditions.h"
#include "filter/rule_counters.h"
#include "filter/rule_spec.h"

namespace weir::filter {

inline constexpr std::uint32_t kKeepAll = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint32_t kHeaderBytesMin = 14;  // an Ethernet header

// Parallel to the batch. Entries of packets that were not judged keep what they had.
struct RuleOutcomes {
  static constexpr std::uint16_t kOtherwise = 0xffff;  // no rule matched

  std::array<std::uint16_t, kBatchPacketsMax> rule;  // place in the list, or kOtherwise
  // Bytes of the frame to store: fewer than were captured, or kKeepAll. 0 for rejected ones.
  std::array<std::uint32_t, kBatchPacketsMax> keep_bytes;
};

// What headers-only keeps of a packet.
[[nodiscard]] inline std::uint32_t kept_of_headers(const Packet& packet,
                                                   const Headers& headers) noexcept {
  const auto bytes = std::max<std::uint32_t>(headers.payload_offset, kHeaderBytesMin);
  return bytes < packet.captured_bytes ? bytes : kKeepAll;
}

// Immutable but for prepare(), which belongs to set-up and control: between its calls any number of
// threads may evaluate. Movable; clone() gives a worker its own.
//
// Costs: rules with conditions are looked at together, by tables (rule_classifier.h); expressions
// one by one, those only that stand before the first rule whose conditions match. An expression
// that stands twice in the list is compiled and evaluated once: the later rule never matches.
// At most kRulesMax rules, kRuleValuesMax values, and kClassifierBytesMax of tables.
class RuleSet {
 public:
  // `otherwise`, Accept or Reject, is for packets that no rule matches. `scope` is for expressions.
  // ErrorCode::BadFilter names all bad rules at once, one a line; check_rules() has them as values.
  static Result<RuleSet> compile(std::span<const RuleSpec> rules, RuleAction otherwise,
                                 Scope scope);

  // Compiles the expressions for a link type, as FrameFilter::prepare() does; without expressions
  // it costs nothing. ErrorCode::BadFilter names all rules whose expression does not compile.
  Result<void> prepare(LinkType link_type);

  // A deep copy, programs and tables, without compiling anything.
  [[nodiscard]] RuleSet clone() const { return *this; }

  // Judges the packets whose verdict has the bit `session` and clears it for rejected ones; returns
  // how many remain. Writes `outcomes` of judged packets and counts each under the rule that
  // decided. `counters` are for a set of this size. Every link type of the batch has been prepared.
  // No allocation, no failure.
  std::uint32_t evaluate(const PacketBatch& batch, const HeadersArray& headers,
                         const KeysArray& keys, SessionMask session, Verdicts& verdicts,
                         RuleOutcomes& outcomes, RuleCounters& counters) const noexcept;

  RuleSet(RuleSet&&) noexcept = default;
  RuleSet& operator=(RuleSet&&) noexcept = default;
  ~RuleSet() = default;

  [[nodiscard]] std::size_t size() const noexcept { return specs_.size(); }
  [[nodiscard]] const RuleSpec& spec(std::size_t index) const noexcept { return specs_[index]; }
  // The rule's own name or "rule-N".
  [[nodiscard]] std::string_view name(std::size_t index) const noexcept {
    return specs_[index].name.empty() ? names_[index] : specs_[index].name;
  }
  [[nodiscard]] RuleAction otherwise() const noexcept { return otherwise_; }
  [[nodiscard]] Scope scope() const noexcept { return scope_; }
  // Of the rule at that place; 0: its action is another, or no rule matched.
  [[nodiscard]] std::uint32_t cutoff_bytes(std::uint16_t rule) const noexcept {
    return rule < decisions_.size() ? decisions_[rule].cutoff_bytes : 0;
  }
  [[nodiscard]] bool has_cutoffs() const noexcept { return has_cutoffs_; }
  // Of the tables that classify; what a clone costs, but for names, texts and programs.
  [[nodiscard]] std::size_t table_bytes() const noexcept { return classifier_.table_bytes(); }

 private:
  struct Expression {
    std::uint16_t rule;
    LinkPrograms programs;
  };
  struct Decision {
    RuleAction action;
    std::uint32_t keep_bytes = 0;
    std::uint32_t cutoff_bytes = 0;
  };

  RuleSet() = default;
  RuleSet(const RuleSet&) = default;
  RuleSet& operator=(const RuleSet&) = default;

  [[nodiscard]] std::uint16_t first_expression(const Packet& packet, const Headers& headers,
                                               std::uint16_t before) const noexcept;
  [[nodiscard]] std::uint32_t kept(Decision decision, const Packet& packet,
                                   const Headers& headers) const noexcept;

  std::vector<RuleSpec> specs_;
  std::vector<std::string> names_;  // of rules without one of their own
  std::vector<Decision> decisions_;
  std::vector<Expression> expressions_;  // in the order of the rules
  RuleClassifier classifier_;
  RuleAction otherwise_ = RuleAction::Accept;
  Scope scope_ = Scope::Frame;
  bool has_cutoffs_ = false;
};

// True when compiling `rules` would give the same set: a reload can keep the set and its counters.
[[nodiscard]] bool same_rules(const RuleSet& set, std::span<const RuleSpec> rules,
                              RuleAction otherwise, Scope scope) noexcept;

}  // namespace weir::filter

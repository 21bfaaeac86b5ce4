// The policy document as plain data, and what of it is in force. Who may sign it is said in
// signed_policy.h, how its text looks in control/policy_reader.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "security/destination_rules.h"
#include "security/source_rules.h"
#include "security/threat.h"

namespace weir::security {

// [threat.high]: what a level adds. A level can only take away.
struct PolicyLevel {
  std::vector<std::string> deny_macs;
  std::vector<std::string> deny_nets;
  std::vector<VniRange> deny_vnis;
  bool block = false;
  friend bool operator==(const PolicyLevel&, const PolicyLevel&) = default;
};

struct PolicyDocument {
  std::uint64_t version = 0;  // from 1; grows
  Timestamp issued{};
  Timestamp expires{};
  SourceRules sources;
  DestinationRules destinations;
  ThreatLimits threat;
  std::array<PolicyLevel, kThreatLevels - 1> levels;  // of Elevated, High and Critical
  friend bool operator==(const PolicyDocument&, const PolicyDocument&) = default;
};

// What sources and destinations are judged by.
struct EffectivePolicy {
  SourceRules sources;
  DestinationRules destinations;
  friend bool operator==(const EffectivePolicy&, const EffectivePolicy&) = default;
};

// What the document says while the threat is at `level`: its tables, and what that level and those
// below it add. A higher level never allows more.
EffectivePolicy effective_policy(const PolicyDocument& document, ThreatLevel level);

// Why a document is not put in force.
enum class PolicyRefusal : std::uint8_t {
  Missing,     // a file of it is not there, or cannot be read
  TooLarge,    // a file of it is beyond its bound
  Forged,      // the signature does not fit
  Malformed,   // signed, but no policy
  NotYet,      // issued in the future
  Expired,     //
  Downgraded,  // a newer one has been accepted, or another one of its version
  NotKept,     // its version cannot be remembered
  kCount,
};
inline constexpr std::size_t kPolicyRefusals = static_cast<std::size_t>(PolicyRefusal::kCount);
std::string_view name_of(PolicyRefusal refusal) noexcept;  // "missing", "too_large", ...

struct RefusedPolicy {
  PolicyRefusal reason{};
  Error error;
};

// The newest that was ever accepted; version 0: none.
struct PolicyMark {
  std::uint64_t version = 0;
  std::string digest;  // of its text
  friend bool operator==(const PolicyMark&, const PolicyMark&) = default;
};
// "7 9f86d0...": as the store keeps it. Nothing: no such text.
std::string text_of(const PolicyMark& mark);
std::optional<PolicyMark> read_policy_mark(std::string_view text);

// Whether a document of a sound signature may come into force now; nothing: it may.
std::optional<RefusedPolicy> refusal_of(const PolicyDocument& document, std::string_view digest,
                                        const PolicyMark& newest, Timestamp now);

}  // namespace weir::security

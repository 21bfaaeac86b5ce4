#include "security/policy.h"

#include <charconv>

#include "telemetry/text.h"

namespace weir::security {
namespace {

constexpr std::array<std::string_view, kPolicyRefusals> kRefusals = {
    "missing", "too_large", "forged", "malformed", "not_yet", "expired", "downgraded", "not_kept"};

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

RefusedPolicy refused(PolicyRefusal reason, std::string context) {
  return {.reason = reason, .error = {.code = ErrorCode::Damaged, .context = std::move(context)}};
}

}  // namespace

EffectivePolicy effective_policy(const PolicyDocument& document, ThreatLevel level) {
  EffectivePolicy policy{.sources = document.sources, .destinations = document.destinations};
  for (std::size_t i = 0; i < static_cast<std::size_t>(level); ++i) {
    const PolicyLevel& added = document.levels.at(i);
    append(policy.sources.deny_macs, added.deny_macs);
    append(policy.sources.deny_nets, added.deny_nets);
    append(policy.sources.deny_vnis, added.deny_vnis);
    policy.sources.block = policy.sources.block || added.block;
  }
  return policy;
}

std::string_view name_of(PolicyRefusal refusal) noexcept {
  return kRefusals[static_cast<std::size_t>(refusal)];
}

std::string text_of(const PolicyMark& mark) {
  return std::to_string(mark.version) + " " + mark.digest;
}

std::optional<PolicyMark> read_policy_mark(std::string_view text) {
  PolicyMark mark;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, mark.version);
  if (status != std::errc{} || stop == end || *stop != ' ' || mark.version == 0) {
    return std::nullopt;
  }
  mark.digest = std::string(stop + 1, end);
  return mark;
}

std::optional<RefusedPolicy> refusal_of(const PolicyDocument& document, std::string_view digest,
                                        const PolicyMark& newest, Timestamp now) {
  const std::string name = "version " + std::to_string(document.version);
  if (document.version < newest.version) {
    return refused(PolicyRefusal::Downgraded,
                   name + ": version " + std::to_string(newest.version) +
                       " has been accepted here (sign it with a higher version)");
  }
  if (document.version == newest.version && digest != newest.digest) {
    return refused(PolicyRefusal::Downgraded,
                   name +
                       ": has been accepted here with another text (sign it with a higher "
                       "version)");
  }
  if (now < document.issued) {
    return refused(PolicyRefusal::NotYet, name + ": issued " + telemetry::rfc3339(document.issued) +
                                              ", which is to come (see the clock of this host)");
  }
  if (now >= document.expires) {
    return refused(
        PolicyRefusal::Expired,
        name + ": expired " + telemetry::rfc3339(document.expires) + " (sign a new one)");
  }
  return std::nullopt;
}

}  // namespace weir::security

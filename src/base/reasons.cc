#include "base/reasons.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, kReasonCount<RejectReason>> kReject = {
    "filter", "kernel_filter", "limit", "rule", "paused", "source", "policy"};
constexpr std::array<std::string_view, kReasonCount<DropReason>> kDrop = {"kernel", "stop",
                                                                          "pressure"};
constexpr std::array<std::string_view, kReasonCount<MalformedReason>> kMalformed = {
    "none",        "unknown_link_type", "truncated_header", "snapped_header",
    "bad_version", "bad_header_length", "bad_total_length", "too_deep"};
constexpr std::array<std::string_view, kReasonCount<LostReason>> kLost = {
    "no_space", "closed", "slow_reader", "write_error", "overrun"};

}  // namespace

std::string_view name_of(RejectReason reason) noexcept {
  return kReject[static_cast<std::size_t>(reason)];
}
std::string_view name_of(DropReason reason) noexcept {
  return kDrop[static_cast<std::size_t>(reason)];
}
std::string_view name_of(MalformedReason reason) noexcept {
  return kMalformed[static_cast<std::size_t>(reason)];
}
std::string_view name_of(LostReason reason) noexcept {
  return kLost[static_cast<std::size_t>(reason)];
}

}  // namespace weir

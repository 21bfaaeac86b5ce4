#include "protocol/deep/records.h"

namespace weir::protocol {
namespace {

template <typename Enum, std::size_t N>
constexpr std::string_view name_in(const std::array<std::string_view, N>& names,
                                   Enum value) noexcept {
  static_assert(N == static_cast<std::size_t>(Enum::kCount));
  return names[static_cast<std::size_t>(value)];
}

constexpr std::array<std::string_view, 13> kConnStates = {
    "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"};
constexpr std::array<std::string_view, 4> kFlowEnds = {"timeout", "reused", "evicted", "interval"};
constexpr std::array<std::string_view, 7> kTunnelTypes = {
    "Tunnel::NONE",   "Tunnel::IP",    "Tunnel::GRE",   "Tunnel::VXLAN",
    "Tunnel::GENEVE", "Tunnel::GTPv1", "Tunnel::TEREDO"};
constexpr std::array<std::string_view, 3> kTunnelActions = {"Tunnel::DISCOVER", "Tunnel::CLOSE",
                                                            "Tunnel::EXPIRE"};
constexpr std::array<std::string_view, 6> kLogs = {"conn",  "conn_long",    "tunnel",
                                                   "weird", "capture_loss", "stats"};

}  // namespace

std::string_view name_of(ConnState state) noexcept { return name_in(kConnStates, state); }
std::string_view name_of(FlowEnd end) noexcept { return name_in(kFlowEnds, end); }
std::string_view name_of(TunnelType type) noexcept { return name_in(kTunnelTypes, type); }
std::string_view name_of(TunnelAction action) noexcept { return name_in(kTunnelActions, action); }
std::string_view name_of(LogId log) noexcept { return name_in(kLogs, log); }

LogId log_of(const Record& record) noexcept {
  // By the alternatives of RecordBody.
  constexpr std::array<LogId, std::variant_size_v<RecordBody>> kLogOf = {
      LogId::Conn, LogId::Tunnel, LogId::Weird, LogId::CaptureLoss, LogId::Stats};
  const auto* const conn = std::get_if<ConnRecord>(&record.body);
  if (conn != nullptr && conn->end == FlowEnd::Interval) return LogId::ConnLong;
  return kLogOf[record.body.index()];
}

}  // namespace weir::protocol

// Known truth for filters: how many of the packets written match some pcap-filter expressions.
// Every expression has its own few lines over the captured bytes, by the rules of pcap-filter(7): a
// load past the end of the capture means no match.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace weir::traffic {

// The host whose packets are few and counted: "a filter that almost none passes".
inline constexpr std::uint32_t kNeedleHost = 0xc6336440 + 13;  // 198.51.100.77

struct FrameLook {
  Bytes captured;
  std::uint32_t wire_bytes = 0;
  std::uint16_t ether_type = 0;  // 0 when cut off
};

struct Expression {
  std::string_view text;
  bool (*matches)(const FrameLook& look) noexcept;
};
inline constexpr std::size_t kExpressionCount = 23;
const std::array<Expression, kExpressionCount>& expressions() noexcept;

class ExpressionTruth {
 public:
  void count(Bytes captured, std::uint32_t wire_bytes) noexcept;
  // By expression, in the order of expressions().
  [[nodiscard]] std::span<const std::uint64_t> counts() const noexcept { return counts_; }

 private:
  std::array<std::uint64_t, kExpressionCount> counts_{};
};

}  // namespace weir::traffic

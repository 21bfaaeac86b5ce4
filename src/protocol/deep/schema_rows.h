// What the tables of the logs are built from: getters, and the rows that several logs share.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <type_traits>

#include "base/assert.h"
#include "protocol/deep/record_schema.h"

namespace weir::protocol {

// Each in its own file; schema_of() knows them.
extern const Schema kConnSchema;
extern const Schema kConnLongSchema;
extern const Schema kTunnelSchema;
extern const Schema kWeirdSchema;
extern const Schema kCaptureLossSchema;
extern const Schema kStatsSchema;

inline constexpr std::string_view kFromWeir = "weir";

// A getter of any record from a stateless one of a struct: [](const ConnRecord&) -> Value, with the
// context as second argument where it is needed.
template <typename Body, typename Get>
constexpr auto value(Get) noexcept {
  return [](const Record& record, [[maybe_unused]] RecordContext& context) -> Value {
    const Body* const body = std::get_if<Body>(&record.body);
    WEIR_DEBUG_ASSERT(body != nullptr);
    if constexpr (std::is_invocable_v<Get, const Body&, RecordContext&>) {
      return Get{}(*body, context);
    } else {
      return Get{}(*body);
    }
  };
}

inline Value text_or_absent(std::string_view text) noexcept {
  return text.empty() ? Value(Absent{}) : Value(text);
}

template <std::unsigned_integral T>
Value count_unless(T value, T none) noexcept {
  return value == none ? Value(Absent{}) : Value(std::uint64_t{value});
}

// 16 hex digits: an identity, of which a reader of JSON must lose no bit. 0 is none.
inline Value hex_or_absent(std::uint64_t id, RecordContext& context) noexcept {
  if (id == 0) return Absent{};
  constexpr std::size_t kDigits = 16;
  for (std::size_t digit = 0; digit < kDigits; ++digit) {
    context.scratch[digit] = "0123456789abcdef"[(id >> (60 - 4 * digit)) & 15];
  }
  return std::string_view(context.scratch.data(), kDigits);
}

// Rows put one behind the other.
template <std::size_t... kSizes>
constexpr auto join(const std::array<Field, kSizes>&... parts) noexcept {
  std::array<Field, (kSizes + ...)> all{};
  auto end = all.begin();
  ((end = std::copy(parts.begin(), parts.end(), end)), ...);
  return all;
}

// The ends, for records that can go without by `kHasEnds`.
template <typename Body, auto kHasEnds>
constexpr std::array<Field, 4> optional_endpoint_rows(std::string_view source) noexcept {
  return {{
      {"id.orig_h", FieldType::Address, "The address of the originator.", source,
       value<Body>([](const Body& body) -> Value {
         if (!kHasEnds(body)) return Absent{};
         return Address{body.ends.originator, body.ends.ip_version};
       })},
      {"id.orig_p", FieldType::Port,
       "The port of the originator; for ICMP the type of the message; 0 without ports.", source,
       value<Body>([](const Body& body) -> Value {
         if (!kHasEnds(body)) return Absent{};
         return std::uint64_t{body.ends.originator_port};
       })},
      {"id.resp_h", FieldType::Address, "The address of the responder.", source,
       value<Body>([](const Body& body) -> Value {
         if (!kHasEnds(body)) return Absent{};
         return Address{body.ends.responder, body.ends.ip_version};
       })},
      {"id.resp_p", FieldType::Port,
       "The port of the responder; for ICMP the type that answers, or the code where nothing "
       "does; 0 without ports.",
       source, value<Body>([](const Body& body) -> Value {
         if (!kHasEnds(body)) return Absent{};
         return std::uint64_t{body.ends.responder_port};
       })},
  }};
}

template <typename Body>
constexpr std::array<Field, 4> endpoint_rows(std::string_view source) noexcept {
  return optional_endpoint_rows<Body, [](const Body&) { return true; }>(source);
}

// Whose addresses they are.
template <typename Body>
constexpr std::array<Field, 5> tenant_rows() noexcept {
  return {{
      {"vlan", FieldType::Count, "The outermost VLAN.", "IEEE 802.1Q",
       value<Body>([](const Body& body) {
         return count_unless(body.tenant.vlan, TenantIdentity::kNoVlan);
       })},
      {"inner_vlan", FieldType::Count, "The VLAN within it.", "IEEE 802.1Q",
       value<Body>([](const Body& body) {
         return count_unless(body.tenant.inner_vlan, TenantIdentity::kNoVlan);
       })},
      {"vni", FieldType::Count, "The virtual network, of the innermost VXLAN or GENEVE header.",
       "RFC 7348, RFC 8926", value<Body>([](const Body& body) {
         return count_unless(body.tenant.vni, TenantIdentity::kNoVni);
       })},
      {"gwlb_endpoint", FieldType::String,
       "The endpoint of an AWS Gateway Load Balancer, in 16 hex digits.",
       "GENEVE option class 0x0108", value<Body>([](const Body& body, RecordContext& context) {
         return hex_or_absent(body.tenant.gwlb_endpoint, context);
       })},
      {"gwlb_attachment", FieldType::String,
       "The VPC attachment that a Gateway Load Balancer names, in 16 hex digits.",
       "GENEVE option class 0x0108", value<Body>([](const Body& body, RecordContext& context) {
         return hex_or_absent(body.tenant.gwlb_attachment, context);
       })},
  }};
}

}  // namespace weir::protocol

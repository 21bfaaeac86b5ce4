// TLS 1.3 as a passive observer sees it (RFC 8446): hellos in clear, then opaque records.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"www.example.com",       "api.example.net",
                                                    "cdn.example.org",       "login.example.com",
                                                    "telemetry.example.net", "mail.example.org"};

constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kApplicationData = 23;

void record_header(HeadBuffer& head, std::uint8_t type, std::uint32_t bytes) {
  head.u8(type).u16(0x0303).u16(static_cast<std::uint16_t>(bytes));
}

Message opaque(Direction direction, std::uint32_t bytes, std::int64_t think, HeadBuffer& head) {
  record_header(head, kApplicationData, bytes);
  return {direction, bytes, think};
}

Message client_hello(const Flow& flow, HeadBuffer& head) {
  Prng prng = choices(flow, 2);
  const std::string_view name = kNames[prng.below(kNames.size())];
  head.u8(kHandshake).u16(0x0301).u16(0);  // lengths are patched below
  head.u8(1).u8(0).u16(0).u16(0x0303).random(prng, 32);
  head.u8(32).random(prng, 32);                                 // session
  head.u16(8).u16(0x1301).u16(0x1302).u16(0x1303).u16(0xc02f);  // suites
  head.u8(1).u8(0);                                             // no compression
  const std::size_t extensions = head.size();
  head.u16(0);
  const auto name_bytes = static_cast<std::uint16_t>(name.size());
  head.u16(0).u16(static_cast<std::uint16_t>(name_bytes + 5));  // server_name
  head.u16(static_cast<std::uint16_t>(name_bytes + 3)).u8(0).u16(name_bytes).text(name);
  head.u16(10).u16(6).u16(4).u16(29).u16(23);                      // groups
  head.u16(13).u16(8).u16(6).u16(0x0403).u16(0x0804).u16(0x0401);  // signatures
  head.u16(16).u16(14).u16(12).u8(2).text("h2").u8(8).text("http/1.1");
  head.u16(43).u16(3).u8(2).u16(0x0304);                          // versions
  head.u16(51).u16(38).u16(36).u16(29).u16(32).random(prng, 32);  // key share
  if (prng.chance(3, 4)) {                                        // padding, as browsers do
    const auto padding = static_cast<std::uint16_t>(517 - head.size() - 4);
    head.u16(21).u16(padding).zeros(padding);
  }
  head.patch_length16(extensions);
  head.patch_length16(3);
  head.patch_length16(7);
  return {Direction::ToServer, 0, 0};
}

Message server_hello(const Flow& flow, HeadBuffer& head) {
  Prng prng = choices(flow, 3);
  head.u8(kHandshake).u16(0x0303).u16(0).u8(2).u8(0).u16(0).u16(0x0303).random(prng, 32);
  head.u8(32).random(prng, 32).u16(0x1301).u8(0);
  const std::size_t extensions = head.size();
  head.u16(0).u16(43).u16(2).u16(0x0304).u16(51).u16(36).u16(29).u16(32).random(prng, 32);
  head.patch_length16(extensions);
  head.patch_length16(3);
  head.patch_length16(7);
  record_header(head, kChangeCipherSpec, 1);
  head.u8(1);
  // Encrypted extensions, certificate chain, finished: one record; short when the session is
  // resumed.
  const std::uint32_t bytes = prng.chance(1, 2) ? 100 : draw_between(prng, 1800, 4200);
  return opaque(Direction::ToClient, bytes, draw_exponential(prng, 2'000'000), head);
}

}  // namespace

std::optional<Message> tls_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  if (index == 0) return client_hello(flow, head);
  if (index == 1) return server_hello(flow, head);
  if (index == 2) {
    record_header(head, kChangeCipherSpec, 1);
    head.u8(1);
    return opaque(Direction::ToServer, 53, 300'000, head);
  }
  Prng constant = choices(flow, 1);
  const std::uint32_t exchanges = draw_heavy_tailed(constant, 2, 200);
  // One flow in forty ends in a download of full records.
  const std::uint32_t records = constant.chance(1, 40) ? draw_heavy_tailed(constant, 4, 200) : 0;
  const std::uint32_t step = index - 3;
  Prng prng = choices(flow, 16 + index);
  if (step < 2 * exchanges) {
    if (step % 2 == 0) {
      return opaque(Direction::ToServer, draw_heavy_tailed(prng, 50, 1200),
                    draw_exponential(prng, 150'000'000), head);
    }
    return opaque(Direction::ToClient, draw_heavy_tailed(prng, 60, 16'000),
                  draw_exponential(prng, 8'000'000), head);
  }
  if (step < 2 * exchanges + records) return opaque(Direction::ToClient, 16'401, 20'000, head);
  return std::nullopt;
}

}  // namespace weir::traffic

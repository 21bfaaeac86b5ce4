// DNS over UDP (RFC 1035, EDNS RFC 6891): addresses, texts, names that do not exist, and now and
// then an answer so large that IP fragments it.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::array<std::string_view, 8> kLabels = {"www",    "api",   "mail", "cdn",
                                                     "static", "login", "db",   "metrics"};
constexpr std::array<std::string_view, 3> kDomains = {"com", "net", "org"};

struct Question {
  std::uint16_t id;
  std::uint16_t type;
  std::string_view label;
  std::uint32_t host;
  std::string_view domain;
};

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeTxt = 16;
constexpr std::uint16_t kTypeAaaa = 28;

Question question_of(const Flow& flow, std::uint32_t exchange) {
  Prng prng = choices(flow, 64 + exchange);
  const std::uint64_t kind = prng.below(100);
  const std::uint16_t type = kind < 64 ? kTypeA : kind < 95 ? kTypeAaaa : kTypeTxt;
  return {static_cast<std::uint16_t>(prng.next()), type, kLabels[prng.below(kLabels.size())],
          draw_rank(prng, 10), kDomains[prng.below(kDomains.size())]};
}

void write_question(HeadBuffer& head, const Question& question) {
  const std::size_t label = head.size();
  head.u8(0).text(question.label).text("-").decimal(question.host);
  head.patch8(label, static_cast<std::uint8_t>(head.size() - label - 1));
  head.u8(7).text("example").u8(3).text(question.domain).u8(0);
  head.u16(question.type).u16(1);
}

void write_edns(HeadBuffer& head) { head.u8(0).u16(41).u16(4096).u32(0).u16(0); }

void write_answer(HeadBuffer& head, const Question& question, Prng& prng) {
  constexpr std::uint16_t kNameOfQuestion = 0xc00c;
  const auto record = [&head](std::uint16_t type, std::uint16_t bytes) {
    head.u16(kNameOfQuestion).u16(type).u16(1).u32(300).u16(bytes);
  };
  if (question.type == kTypeTxt) {  // one answer in eight is larger than a frame
    const std::uint32_t strings = prng.chance(1, 8) ? draw_between(prng, 7, 15) : 1;
    const std::uint32_t bytes = strings > 1 ? 240 : draw_between(prng, 20, 120);
    record(kTypeTxt, static_cast<std::uint16_t>(strings * (bytes + 1)));
    for (std::uint32_t i = 0; i < strings; ++i) {
      head.u8(static_cast<std::uint8_t>(bytes)).text("v=");
      for (std::uint32_t j = 2; j < bytes; ++j) {
        head.u8(static_cast<std::uint8_t>('a' + prng.below(26)));
      }
    }
    return;
  }
  const std::uint64_t count = 1 + prng.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (question.type == kTypeA) {
      record(kTypeA, 4);
      head.u32(0xc6120000 | static_cast<std::uint32_t>(prng.below(65536)));  // 198.18.0.0/16
    } else {
      record(kTypeAaaa, 16);
      head.bytes(ipv6(2, static_cast<std::uint32_t>(prng.below(65536))).view());
    }
  }
  head.patch16(6, static_cast<std::uint16_t>(count));
}

}  // namespace

std::optional<Message> dns_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  const std::uint32_t exchanges = constant.chance(1, 2) ? 2 : 1;  // often A and AAAA
  if (index >= 2 * exchanges) return std::nullopt;
  const Question question = question_of(flow, index / 2);
  Prng prng = choices(flow, 16 + index);
  if (index % 2 == 0) {
    head.u16(question.id).u16(0x0100).u16(1).u16(0).u16(0).u16(1);
    write_question(head, question);
    write_edns(head);
    return Message{Direction::ToServer, 0, draw_exponential(prng, 2'000'000)};
  }
  const bool exists = !prng.chance(1, 8);
  head.u16(question.id).u16(exists ? 0x8180 : 0x8183).u16(1).u16(exists ? 1 : 0).u16(0).u16(1);
  write_question(head, question);
  if (exists) write_answer(head, question, prng);
  write_edns(head);
  return Message{Direction::ToClient, 0, draw_exponential(prng, 3'000'000)};
}

}  // namespace weir::traffic

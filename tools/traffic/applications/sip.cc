// SIP (RFC 3261): a call is set up, answered and ended; some offers are larger than a frame.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

void write_common(const Flow& flow, HeadBuffer& head, std::uint32_t sequence,
                  std::string_view method) {
  head.text("Via: SIP/2.0/UDP ").dotted(flow.client).text(":5060;branch=z9hG4bK");
  head.hex(flow.seed + sequence, 12)
      .text("\r\nMax-Forwards: 70\r\nFrom: <sip:caller@example.com>;tag=");
  head.hex(flow.seed >> 7, 8).text("\r\nTo: <sip:callee@example.net>\r\nCall-ID: ");
  head.hex(flow.seed, 16).text("@example.com\r\nCSeq: ").decimal(sequence).text(" ");
  head.text(method).text("\r\n");
}

void write_offer(HeadBuffer& head, bool large) {
  HeadBuffer body;
  body.text("v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n");
  body.text("m=audio 16384 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n");
  body.text("a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n");
  for (std::uint32_t i = 0; large && i < 24; ++i) {
    body.text("a=candidate:").decimal(i).text(" 1 UDP 2130706431 192.0.2.").decimal(10 + i);
    body.text(" ").decimal(20000 + 2 * i).text(" typ host\r\n");
  }
  head.text("Content-Type: application/sdp\r\nContent-Length: ").decimal(body.size());
  head.text("\r\n\r\n").bytes(body.view());
}

}  // namespace

std::optional<Message> sip_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  struct Row {
    std::string_view first_line;
    std::string_view method;
    Direction direction;
    std::uint32_t sequence;
    bool offer;
    std::int64_t think;
  };
  static constexpr std::array<Row, 7> kCall = {{
      {"INVITE sip:callee@example.net SIP/2.0\r\n", "INVITE", Direction::ToServer, 1, true, 0},
      {"SIP/2.0 100 Trying\r\n", "INVITE", Direction::ToClient, 1, false, 2'000'000},
      {"SIP/2.0 180 Ringing\r\n", "INVITE", Direction::ToClient, 1, false, 60'000'000},
      {"SIP/2.0 200 OK\r\n", "INVITE", Direction::ToClient, 1, true, 2'500'000'000},
      {"ACK sip:callee@example.net SIP/2.0\r\n", "ACK", Direction::ToServer, 1, false, 1'000'000},
      {"BYE sip:callee@example.net SIP/2.0\r\n", "BYE", Direction::ToServer, 2, false,
       6'000'000'000},
      {"SIP/2.0 200 OK\r\n", "BYE", Direction::ToClient, 2, false, 1'000'000},
  }};
  if (index >= kCall.size()) return std::nullopt;
  const Row& row = kCall[index];
  Prng constant = choices(flow, 1);
  head.text(row.first_line);
  write_common(flow, head, row.sequence, row.method);
  if (row.offer) {
    write_offer(head, constant.chance(1, 4));
  } else {
    head.text("Content-Length: 0\r\n\r\n");
  }
  return Message{row.direction, 0, row.think};
}

}  // namespace weir::traffic

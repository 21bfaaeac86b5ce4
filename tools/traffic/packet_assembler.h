// Turns one step of a flow into frames: payload, transport, network (in fragments if need be),
// tunnel or tags, link.
#pragma once

#include <cstdint>

#include "flow.h"
#include "frame_buffer.h"
#include "message.h"
#include "recorder.h"

namespace weir::traffic {

struct SegmentToSend {
  Direction direction = Direction::ToServer;
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t payload_offset = 0;  // in the current message
  std::uint32_t payload_bytes = 0;
  bool retransmission = false;
};

class PacketAssembler {
 public:
  explicit PacketAssembler(Recorder& recorder) noexcept : recorder_(&recorder) {}

  // Makes message `index` the flow's current one; nothing when there is no such message.
  std::optional<Message> load_message(Flow& flow, std::uint32_t index);

  void send_segment(Flow& flow, const SegmentToSend& segment, std::int64_t now_ns);
  // The current message as one datagram.
  void send_datagram(Flow& flow, std::int64_t now_ns);
  // The current message as data of an echo request or reply.
  void send_echo(Flow& flow, std::int64_t now_ns);
  // ARP request or reply, neighbour solicitation or advertisement.
  void send_address_resolution(Flow& flow, bool reply, std::int64_t now_ns);

 private:
  void fill_payload(const Flow& flow, std::uint32_t offset, std::uint32_t count);
  // The buffer holds a transport packet.
  void send_ip(Flow& flow, Direction direction, std::uint8_t protocol, std::int64_t now_ns,
               bool retransmission = false);
  void send_fragments(Flow& flow, Direction direction, std::uint8_t protocol, std::int64_t now_ns);
  // `frame` holds a network packet of `type`: puts the flow's encapsulation around it and records
  // the frame.
  void send_link(const Flow& flow, Direction direction, FrameBuffer& frame, std::uint16_t type,
                 const Mac& source, const Mac& destination, std::int64_t now_ns, PacketFacts facts);

  Recorder* recorder_;
  FrameBuffer frame_;
  FrameBuffer fragment_;
  HeadBuffer head_;
};

}  // namespace weir::traffic

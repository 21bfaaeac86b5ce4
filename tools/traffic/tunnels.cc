#include "tunnels.h"

namespace weir::traffic {

void push_vxlan(FrameBuffer& frame, std::uint32_t vni) {
  std::uint8_t* at = frame.prepend(8);
  store_be(at, std::uint32_t{0x08000000});  // the identifier is valid
  store_be(at + 4, vni << 8);
}

void push_geneve(FrameBuffer& frame, const AwsGeneveOptions& options, std::uint16_t inner_type) {
  constexpr std::uint16_t kAwsClass = 0x0108;
  constexpr std::size_t kOptionBytes = 12 + 12 + 8;
  std::uint8_t* at = frame.prepend(8 + kOptionBytes);
  at[0] = kOptionBytes / 4;
  at[1] = 0;
  store_be(at + 2, inner_type);
  store_be(at + 4, std::uint32_t{0});  // the load balancer leaves the identifier zero
  const auto option = [&at](std::uint8_t type, std::uint8_t words) {
    store_be(at, kAwsClass);
    at[2] = type;
    at[3] = words;
  };
  at += 8;
  option(1, 2);
  store_be(at + 4, options.endpoint);
  at += 12;
  option(2, 2);
  store_be(at + 4, options.attachment);
  at += 12;
  option(3, 1);
  store_be(at + 4, options.flow_cookie);
}

void push_gre(FrameBuffer& frame, std::uint32_t key, std::uint16_t inner_type) {
  std::uint8_t* at = frame.prepend(key == 0 ? 4 : 8);
  store_be(at, static_cast<std::uint16_t>(key == 0 ? 0 : 0x2000));
  store_be(at + 2, inner_type);
  if (key != 0) store_be(at + 4, key);
}

}  // namespace weir::traffic

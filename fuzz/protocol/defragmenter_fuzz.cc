// The defragmenter on any sequence of packets, with little room so that it is often full. Input:
// records of a length (2 bytes), how many bytes the snaplen cut off (1), seconds since the record
// before (1), and the packet. The laws hold after each, and what is complete is one whole packet.
#include "protocol/deep/defragmenter.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "protocol/deep/fragments.h"

namespace {

void stop_if(const char* problem) {
  if (problem == nullptr) return;
  std::fprintf(stderr, "%s\n", problem);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::protocol::FragmentFate;
  weir::protocol::Defragmenter defragmenter(
      {.datagrams_max = 4, .bytes_max = 0, .timeout = std::chrono::seconds(300), .seed = 1});
  weir::ByteReader input(weir::Bytes(data, size));
  weir::Timestamp now;
  while (input.remaining() >= 4) {
    const std::size_t wanted = input.u16();
    const std::uint32_t cut = input.u8();
    now = now + std::chrono::seconds(input.u8());
    const weir::Bytes bytes = input.bytes(std::min(wanted, input.remaining()));
    // No byte to spare behind it.
    const auto packet = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), packet.get());

    const auto outcome =
        defragmenter.take({.captured = {packet.get(), bytes.size()},
                           .wire_bytes = static_cast<std::uint32_t>(bytes.size()) + cut,
                           .tenant = {},
                           .now = now});
    stop_if(weir::test::broken_law(defragmenter.statistics()));
    const bool complete = outcome.fate == FragmentFate::Complete;
    if (complete) stop_if(weir::test::not_whole(outcome.packet));
    if (complete == outcome.packet.empty()) stop_if("a packet without completion, or none with it");
  }
  return 0;
}

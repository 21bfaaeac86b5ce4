#include "kernel_frames.h"

#include "filter/program.h"

namespace weir::test {
namespace {

using namespace filter::cbpf;

constexpr std::size_t kMacBytes = 12;

std::uint32_t metadata(const KernelFrame& frame, std::uint32_t which) {
  switch (which) {
    case kKernelPacketType:
      return frame.packet_type;
    case kKernelVlanPresent:
      return frame.tag ? 1 : 0;
    case kKernelVlanTag:
      return frame.tag ? frame.tag->tci : 0;
    case kKernelVlanTpid:
      return frame.tag ? frame.tag->tpid : 0;
    default:
      std::abort();  // no filter of ours asks for anything else
  }
}

}  // namespace

KernelFrame untouched(Bytes frame) {
  return {.bytes = {frame.begin(), frame.end()}, .tag = std::nullopt, .packet_type = 0};
}

KernelFrame with_tag_beside(Bytes frame) {
  KernelFrame out = untouched(frame);
  out.tag = {.tpid = load_be16(&frame[kMacBytes]), .tci = load_be16(&frame[kMacBytes + 2])};
  const auto tag = out.bytes.begin() + kMacBytes;
  out.bytes.erase(tag, tag + 4);
  return out;
}

KernelFrame as_received(Bytes frame) {
  const bool tagged = frame.size() >= kTaggedBytesMin && (load_be16(&frame[kMacBytes]) == 0x8100 ||
                                                          load_be16(&frame[kMacBytes]) == 0x88a8);
  return tagged ? with_tag_beside(frame) : untouched(frame);
}

std::uint32_t run(const filter::KernelFilter& filter, const KernelFrame& frame) {
  filter::CbpfProgram program = filter.program;
  for (filter::CbpfInstruction& in : program) {
    const bool loads = (in.code & 0x07) == kLd && (in.code & 0xe0) == kAbs;
    if (!loads || in.k < kKernelMetadata) continue;
    in = {.code = kLd | kImm, .k = metadata(frame, in.k - kKernelMetadata)};
  }
  const filter::Program checked = filter::Program::create(program).value();
  return checked.run(frame.bytes, static_cast<std::uint32_t>(frame.bytes.size()));
}

}  // namespace weir::test

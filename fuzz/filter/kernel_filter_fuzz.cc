// Bytes become a program and a packet. What the program accepts, its kernel form accepts, with the
// packet's outermost tag in the frame and beside it; and its counting form can always be told.
//
// Input: as in program_fuzz.cc: number of instructions, how many bytes of the packet the program
// does not get to see (one byte each), instructions as 8 bytes each; the rest is the packet.
#include "filter/kernel_filter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "filter/cbpf.h"
#include "filter/ebpf_filter.h"
#include "filter/kernel_frames.h"
#include "filter/program.h"

namespace {

using weir::Bytes;
using weir::filter::CbpfProgram;

CbpfProgram take_program(Bytes& input, std::size_t count) {
  CbpfProgram program;
  for (; count > 0 && input.size() >= 8; --count, input = input.subspan(8)) {
    program.push_back({.code = weir::load_le16(input.data()),
                       .jt = input[2],
                       .jf = input[3],
                       .k = weir::load_le32(input.data() + 4)});
  }
  return program;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  if (input.size() < 2) return 0;
  const std::size_t count = input[0];
  const std::size_t unseen = input[1];
  input = input.subspan(2);
  const CbpfProgram program = take_program(input, count);
  const auto user = weir::filter::Program::create(program);
  if (!user) return 0;

  const weir::filter::KernelFilterOptions options{
      .link_type = weir::LinkType::Ethernet, .passages = {}, .copied_bytes = 512};
  const auto kernel = weir::filter::kernel_filter(program, options);
  if (!kernel) return 0;
  if (weir::filter::check(kernel->program).fault != weir::filter::CbpfFault::None) std::abort();
  if (!weir::filter::counting_program(*kernel, options.link_type, 0)) std::abort();

  const Bytes frame = input;
  const Bytes seen = frame.first(frame.size() - std::min(unseen, frame.size()));
  if (user->run(seen, static_cast<std::uint32_t>(frame.size())) == 0) return 0;
  if (weir::test::run(*kernel, weir::test::untouched(frame)) == 0) std::abort();
  if (frame.size() < weir::test::kTaggedBytesMin) return 0;
  if (weir::test::run(*kernel, weir::test::with_tag_beside(frame)) == 0) std::abort();
  return 0;
}

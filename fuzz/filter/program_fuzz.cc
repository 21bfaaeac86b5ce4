// Bytes become a program and a packet. What check() refuses is refused; what it passes gives
// bpf_filter()'s verdict and reads nothing outside a packet of exactly its size (AddressSanitizer
// watches), and always ends.
//
// Input: number of instructions (1 byte), wire length beyond the captured one (1 byte),
// instructions as 8 bytes each in the layout of CbpfInstruction, little-endian; the rest is the
// packet.
#include "filter/program.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "filter/cbpf.h"

namespace {

using weir::Bytes;
using weir::filter::CbpfInstruction;
using weir::filter::CbpfProgram;

CbpfProgram take_program(Bytes& input, std::size_t count) {
  // bpf_filter() leaves memory undefined at the start, so every word is stored to first.
  CbpfProgram program;
  for (std::uint32_t word = 0; word < weir::filter::cbpf::kMemoryWords; ++word) {
    program.push_back({.code = weir::filter::cbpf::kSt, .k = word});
  }
  for (; count > 0 && input.size() >= 8; --count, input = input.subspan(8)) {
    program.push_back({.code = weir::load_le16(input.data()),
                       .jt = input[2],
                       .jf = input[3],
                       .k = weir::load_le32(input.data() + 4)});
  }
  return program;
}

std::uint32_t reference(const CbpfProgram& program, Bytes packet, std::uint32_t wire_bytes) {
  std::vector<bpf_insn> instructions;
  for (const CbpfInstruction& in : program) instructions.push_back({in.code, in.jt, in.jf, in.k});
  return bpf_filter(instructions.data(), packet.data(), wire_bytes,
                    static_cast<u_int>(packet.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  if (input.size() < 2) return 0;
  const std::size_t count = input[0];
  const std::uint32_t beyond = input[1];
  input = input.subspan(2);
  const CbpfProgram program = take_program(input, count);
  const auto ours = weir::filter::Program::create(program);
  if (ours.ok() != (weir::filter::check(program).fault == weir::filter::CbpfFault::None))
    std::abort();
  if (!ours) return 0;

  // An allocation of its own: a read past the end is seen.
  const auto copy = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), copy.get());
  const Bytes packet(copy.get(), input.size());
  const std::uint32_t wire_bytes = static_cast<std::uint32_t>(packet.size()) + beyond;
  const std::uint32_t verdict = ours->run(packet, wire_bytes);
  // Where bpf_filter() may loop for ever, it is enough that we do not.
  if (!ours->has_loop() && verdict != reference(program, packet, wire_bytes)) std::abort();
  return 0;
}

#include "random_programs.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace weir::test {
namespace {

using namespace filter::cbpf;
using filter::CbpfInstruction;
using filter::CbpfProgram;

template <typename T, std::size_t N>
T pick(Prng& prng, const std::array<T, N>& from) {
  return from[prng.below(N)];
}

std::uint32_t random_constant(Prng& prng) {
  constexpr std::array<std::uint32_t, 14> kTypical = {
      0, 1, 4, 6, 17, 53, 80, 0x0800, 0x86dd, 0x1fff, 0x0a000001, 0xffffffff, 0x80000000, 443};
  if (prng.chance(1, 2)) return pick(prng, kTypical);
  return static_cast<std::uint32_t>(prng.chance(1, 2) ? prng.below(256) : prng.next());
}

std::uint32_t random_offset(Prng& prng) {
  if (prng.chance(1, 100)) return static_cast<std::uint32_t>(0xffffff00u + prng.below(256));
  return static_cast<std::uint32_t>(prng.below(prng.chance(1, 2) ? 40 : 170));
}

CbpfInstruction random_load(Prng& prng) {
  constexpr std::array<std::uint16_t, 6> kPacket = {kLd | kB | kAbs, kLd | kH | kAbs,
                                                    kLd | kW | kAbs, kLd | kB | kInd,
                                                    kLd | kH | kInd, kLd | kW | kInd};
  constexpr std::array<std::uint16_t, 7> kOther = {
      kLd | kLen, kLdx | kLen, kLd | kImm, kLdx | kImm, kLd | kMem, kLdx | kMem, kLdx | kB | kMsh};
  if (prng.chance(2, 3)) return {.code = pick(prng, kPacket), .k = random_offset(prng)};
  const std::uint16_t code = pick(prng, kOther);
  if (code == (kLd | kMem) || code == (kLdx | kMem)) {
    return {.code = code, .k = static_cast<std::uint32_t>(prng.below(kMemoryWords))};
  }
  return {.code = code,
          .k = code == (kLdx | kB | kMsh) ? random_offset(prng) : random_constant(prng)};
}

CbpfInstruction random_alu(Prng& prng) {
  constexpr std::array<std::uint16_t, 11> kOperations = {kAdd, kSub, kMul, kDiv, kOr, kAnd,
                                                         kLsh, kRsh, kMod, kXor, kAnd};
  if (prng.chance(1, 12)) return {.code = kAlu | kNeg};
  const std::uint16_t operation = pick(prng, kOperations);
  const bool with_x = prng.chance(1, 3);
  std::uint32_t k = random_constant(prng);
  if (operation == kLsh || operation == kRsh) k %= 32;
  if (operation == kDiv || operation == kMod) k = std::max(k, 1u);
  return {.code = static_cast<std::uint16_t>(kAlu | operation | (with_x ? kX : kK)), .k = k};
}

// `ahead`: instructions after the next one that a jump can skip.
CbpfInstruction random_jump(Prng& prng, std::size_t ahead) {
  constexpr std::array<std::uint16_t, 6> kTests = {kJeq, kJeq, kJeq, kJgt, kJge, kJset};
  const auto skip = [&] {
    return static_cast<std::uint8_t>(
        prng.chance(1, 2) ? 0 : prng.below(std::min<std::size_t>(ahead, 12) + 1));
  };
  if (prng.chance(1, 12)) return {.code = kJmp | kJa, .k = skip()};
  const bool with_x = prng.chance(1, 6);
  return {.code = static_cast<std::uint16_t>(kJmp | pick(prng, kTests) | (with_x ? kX : kK)),
          .jt = skip(),
          .jf = skip(),
          .k = random_constant(prng)};
}

CbpfInstruction random_return(Prng& prng) {
  if (prng.chance(1, 3)) return {.code = kRet | kA};
  return {.code = kRet | kK, .k = prng.chance(1, 2) ? 0u : 262144u};
}

// Comparisons that share their target, as "port 53 or port 80 or ..." compiles to.
void append_chain(Prng& prng, CbpfProgram& out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({.code = kJmp | kJeq,
                   .jt = static_cast<std::uint8_t>(count - 1 - i),
                   .jf = 0,
                   .k = random_constant(prng)});
  }
}

}  // namespace

CbpfProgram random_program(Prng& prng) {
  CbpfProgram out;
  for (std::uint32_t word = 0; word < kMemoryWords; ++word) out.push_back({.code = kSt, .k = word});
  const std::size_t size = out.size() + 3 + prng.below(40);
  while (out.size() + 1 < size) {
    const std::size_t ahead = size - out.size() - 2;
    const std::uint64_t dice = prng.below(20);
    if (dice < 7) {
      out.push_back(random_load(prng));
    } else if (dice < 11) {
      out.push_back(random_alu(prng));
    } else if (dice < 16) {
      out.push_back(random_jump(prng, ahead));
    } else if (dice < 17 && ahead > 4) {
      append_chain(prng, out, 1 + prng.below(ahead));
    } else if (dice < 18) {
      out.push_back({.code = prng.chance(1, 2) ? kSt : kStx,
                     .k = static_cast<std::uint32_t>(prng.below(kMemoryWords))});
    } else if (dice < 19) {
      out.push_back(
          {.code = static_cast<std::uint16_t>(kMisc | (prng.chance(1, 2) ? kTax : kTxa))});
    } else if (prng.chance(1, 4)) {
      out.push_back(random_return(prng));
    }
  }
  out.push_back(random_return(prng));
  return out;
}

std::vector<std::uint8_t> random_packet(Prng& prng) {
  std::vector<std::uint8_t> packet(prng.below(161));
  for (std::uint8_t& byte : packet) byte = static_cast<std::uint8_t>(prng.next());
  if (packet.size() < 64 || prng.chance(1, 4)) return packet;
  const bool version_6 = prng.chance(1, 3);
  constexpr std::array<std::uint8_t, 5> kProtocols = {6, 17, 1, 58, 51};
  constexpr std::array<std::uint16_t, 5> kPorts = {53, 80, 443, 8080, 1025};
  store_be<std::uint16_t>(&packet[12], version_6 ? 0x86dd : 0x0800);
  packet[14] =
      version_6 ? 0x60 : static_cast<std::uint8_t>(0x45 + (prng.chance(1, 4) ? prng.below(3) : 0));
  packet[version_6 ? 20 : 23] = pick(prng, kProtocols);
  if (!version_6) {
    if (prng.chance(3, 4)) store_be<std::uint16_t>(&packet[20], 0);
    store_be<std::uint32_t>(&packet[26], 0x0a000001);
  }
  const std::size_t ports = version_6 ? 54 : 14 + (packet[14] & 0x0fu) * 4;
  store_be<std::uint16_t>(&packet[ports], pick(prng, kPorts));
  store_be<std::uint16_t>(&packet[ports + 2], pick(prng, kPorts));
  if (prng.chance(1, 4)) packet.resize(prng.below(packet.size()));
  return packet;
}

}  // namespace weir::test

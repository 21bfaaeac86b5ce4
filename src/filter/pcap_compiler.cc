#include "filter/pcap_compiler.h"

#include <array>
#include <cstdio>
#include <memory>

#include <pcap/pcap.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/packet_batch.h"

namespace weir::filter {
namespace {

struct PcapCloser {
  void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

// libpcap compiles differently for a savefile than for a handle of pcap_open_dead(): IPv6 on BSD
// loopback has three numbers in files, `inbound` would become a load that only the kernel
// understands. So the handle is a savefile: an empty one in memory, which also makes libpcap map
// the link type itself.
PcapHandle open_empty_savefile(LinkType link_type, FamilyOrder family_order) {
  constexpr std::uint32_t kMagic = 0xa1b2c3d4;
  std::array<std::uint8_t, 24> header{};
  const auto put32 = [&](std::size_t at, std::uint32_t v) {
    store_le(header.data() + at, family_order == FamilyOrder::Swapped ? byte_swap(v) : v);
  };
  const auto put16 = [&](std::size_t at, std::uint16_t v) {
    store_le(header.data() + at, family_order == FamilyOrder::Swapped ? byte_swap(v) : v);
  };
  put32(0, kMagic);
  put16(4, 2);  // version 2.4
  put16(6, 4);
  put32(16, kPacketBytesMax);
  put32(20, static_cast<std::uint32_t>(link_type));

  // libpcap reads the header now and nothing later: no packet is asked for.
  std::FILE* file = fmemopen(header.data(), header.size(), "r");
  if (file == nullptr) return nullptr;
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  PcapHandle pcap(pcap_fopen_offline(file, message.data()));
  if (!pcap) std::fclose(file);  // otherwise pcap_close() does it
  return pcap;
}

}  // namespace

std::variant<CbpfProgram, Refusal> compile(std::string_view expression, LinkType link_type,
                                           FamilyOrder family_order) {
  if (expression.find('\0') != std::string_view::npos)
    return Refusal{"the expression contains a zero byte"};
  const PcapHandle pcap = open_empty_savefile(link_type, family_order);
  if (!pcap) return Refusal{"out of memory"};

  bpf_program compiled{};
  constexpr int kOptimise = 1;
  constexpr bpf_u_int32 kNoNetmask = 0;  // as tcpdump -r
  if (pcap_compile(pcap.get(), &compiled, std::string(expression).c_str(), kOptimise, kNoNetmask) !=
      0) {
    return Refusal{pcap_geterr(pcap.get())};
  }
  CbpfProgram program;
  program.reserve(compiled.bf_len);
  for (u_int i = 0; i < compiled.bf_len; ++i) {
    const bpf_insn& in = compiled.bf_insns[i];
    program.push_back({.code = in.code, .jt = in.jt, .jf = in.jf, .k = in.k});
  }
  pcap_freecode(&compiled);
  return program;
}

std::string link_type_name(LinkType link_type) {
  if (const PcapHandle pcap = open_empty_savefile(link_type, FamilyOrder::Host)) {
    if (const char* name = pcap_datalink_val_to_name(pcap_datalink(pcap.get()))) return name;
  }
  return "link type " + std::to_string(static_cast<unsigned>(link_type));
}

}  // namespace weir::filter

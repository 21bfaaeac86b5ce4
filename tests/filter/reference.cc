#include "reference.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "base/bytes.h"

namespace weir::test {
namespace {

void read_packets(ReferenceFile& file) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(file.handle.get(), &header, &data)) == 1) {
    file.packets.push_back({.frame = {data, data + header->caplen}, .wire_bytes = header->len});
  }
  if (status == PCAP_ERROR) file.error = pcap_geterr(file.handle.get());
}

// The number in the header of a pcap file; for pcapng libpcap's own DLT, which compile() takes as
// well.
LinkType link_type_of(pcap_t* handle, std::span<const std::uint8_t> header) {
  if (header.size() >= 24 && load_le32(header.data()) != 0x0a0d0d0a) {
    const ByteOrder order = (header[0] == 0xa1) ? ByteOrder::Big : ByteOrder::Little;
    return static_cast<LinkType>(load<std::uint32_t>(header.data() + 20, order) & 0xffff);
  }
  return static_cast<LinkType>(pcap_datalink(handle));
}

}  // namespace

ReferenceFile read_reference(const std::filesystem::path& path) {
  ReferenceFile file;
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  file.handle.reset(pcap_open_offline(path.c_str(), error.data()));
  if (!file.handle) {
    file.error = error.data();
    return file;
  }
  std::array<std::uint8_t, 24> header{};
  std::ifstream stream(path, std::ios::binary);
  for (std::uint8_t& byte : header) byte = static_cast<std::uint8_t>(stream.get());
  file.link_type = link_type_of(file.handle.get(), header);
  read_packets(file);
  return file;
}

ReferenceFile read_reference(std::span<std::uint8_t> file_bytes) {
  ReferenceFile file;
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  std::FILE* stream = fmemopen(file_bytes.data(), file_bytes.size(), "r");
  file.handle.reset(pcap_fopen_offline(stream, error.data()));
  if (!file.handle) {
    std::fclose(stream);
    file.error = error.data();
    return file;
  }
  file.link_type = link_type_of(file.handle.get(), file_bytes);
  read_packets(file);
  return file;
}

std::uint32_t ReferenceProgram::run(Bytes frame, std::uint32_t wire_bytes) const {
  return bpf_filter(instructions.data(), frame.data(), wire_bytes,
                    static_cast<u_int>(frame.size()));
}

ReferenceProgram compile_reference(pcap_t* handle, const std::string& expression) {
  ReferenceProgram out;
  bpf_program program{};
  if (pcap_compile(handle, &program, expression.c_str(), 1, 0) != 0) {
    out.error = pcap_geterr(handle);
    return out;
  }
  out.instructions.assign(program.bf_insns, program.bf_insns + program.bf_len);
  pcap_freecode(&program);
  return out;
}

ReferenceProgram to_reference(std::span<const filter::CbpfInstruction> program) {
  ReferenceProgram out;
  for (const filter::CbpfInstruction& in : program)
    out.instructions.push_back({in.code, in.jt, in.jf, in.k});
  return out;
}

void fill_batch(std::span<const ReferencePacket> packets, LinkType link_type, PacketBatch& batch) {
  batch.count = static_cast<std::uint32_t>(std::min(packets.size(), kBatchPacketsMax));
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    batch.packets[i] = Packet{};
    batch.packets[i].data = packets[i].frame.data();
    batch.packets[i].captured_bytes = static_cast<std::uint32_t>(packets[i].frame.size());
    batch.packets[i].wire_bytes = packets[i].wire_bytes;
    batch.packets[i].link_type = link_type;
  }
}

}  // namespace weir::test

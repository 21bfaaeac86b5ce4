#include "support/capture_frames.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include <pcap/pcap.h>
#include <zstd.h>

#include "base/bytes.h"

namespace weir::test {
namespace {

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct PcapClose {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

// The file's own number: pcap_datalink() translates some.
LinkType link_type_of(pcap_t* handle) {
  switch (const int type = pcap_datalink(handle)) {
    case DLT_RAW:
      return LinkType::Raw;
    default:
      return static_cast<LinkType>(type);
  }
}

std::vector<CapturedFrame> read_with_libpcap(const std::filesystem::path& path) {
  char message[PCAP_ERRBUF_SIZE];
  const std::unique_ptr<pcap_t, PcapClose> handle(pcap_open_offline(path.c_str(), message));
  std::vector<CapturedFrame> frames;
  if (handle == nullptr) return frames;
  const LinkType link_type = link_type_of(handle.get());
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(handle.get(), &header, &data) == 1) {
    frames.push_back({link_type, header->len, {data, data + header->caplen}});
  }
  return frames;
}

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

// What a section says before its packets.
struct Section {
  ByteOrder order = ByteOrder::Little;
  struct Interface {
    LinkType link_type;
    std::uint32_t snaplen;
  };
  std::vector<Interface> interfaces;
};

// Enhanced and obsolete packet blocks: an interface number of four or, with a drop count, two
// bytes, then the same.
void add_packet(const Section& section, ByteReader block, bool obsolete,
                std::vector<CapturedFrame>& frames) {
  const std::uint32_t interface = obsolete ? block.u16() : block.u32();
  block.skip((obsolete ? 2u : 0u) + 8);  // drop count, time
  const std::uint32_t captured = block.u32();
  const std::uint32_t wire = block.u32();
  const Bytes data = block.bytes(captured);
  if (block.failed() || interface >= section.interfaces.size()) return;
  frames.push_back({section.interfaces[interface].link_type, wire, {data.begin(), data.end()}});
}

void add_simple_packet(const Section& section, ByteReader block,
                       std::vector<CapturedFrame>& frames) {
  if (section.interfaces.empty()) return;
  const auto& [link_type, snaplen] = section.interfaces.front();
  const std::uint32_t wire = block.u32();
  const std::size_t captured =
      std::min<std::size_t>(snaplen == 0 ? wire : std::min(wire, snaplen), block.remaining());
  const Bytes data = block.bytes(captured);
  frames.push_back({link_type, wire, {data.begin(), data.end()}});
}

std::vector<CapturedFrame> walk_pcapng(const std::vector<std::uint8_t>& file) {
  std::vector<CapturedFrame> frames;
  Section section;
  constexpr std::size_t kBlockBytesMin = 12;
  for (Bytes rest = file; rest.size() >= kBlockBytesMin;) {
    const std::uint32_t type = load<std::uint32_t>(rest.data(), section.order);
    if (type == kSectionHeader) {
      section = {.order = load_le32(rest.data() + 8) == kByteOrderMagic ? ByteOrder::Little
                                                                        : ByteOrder::Big,
                 .interfaces = {}};
    }
    const std::uint32_t bytes = load<std::uint32_t>(rest.data() + 4, section.order);
    if (bytes < kBlockBytesMin || bytes % 4 != 0 || bytes > rest.size()) break;
    if (load<std::uint32_t>(rest.data() + bytes - 4, section.order) != bytes) break;
    ByteReader block(rest.subspan(8, bytes - kBlockBytesMin), section.order);
    if (type == kInterfaceDescription) {
      const auto link_type = static_cast<LinkType>(block.u16());
      block.skip(2);
      section.interfaces.push_back({link_type, block.u32()});
    } else if (type == kEnhancedPacket || type == kObsoletePacket) {
      add_packet(section, block, type == kObsoletePacket, frames);
    } else if (type == kSimplePacket) {
      add_simple_packet(section, block, frames);
    }
    rest = rest.subspan(bytes);
  }
  return frames;
}

}  // namespace

std::vector<CapturedFrame> read_frames(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> file = read_bytes(path);
  if (file.size() >= 4 && load_le32(file.data()) == kSectionHeader) return walk_pcapng(file);
  return read_with_libpcap(path);
}

std::string read_zstd(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> file = read_bytes(path);
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string text;
  std::vector<char> chunk(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in{file.data(), file.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(context, &out, &in)) != 0) break;
    text.append(chunk.data(), out.pos);
  }
  ZSTD_freeDCtx(context);
  return text;
}

}  // namespace weir::test

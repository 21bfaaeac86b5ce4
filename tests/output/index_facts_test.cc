// What packets are found by, held against libpcap: what a primitive of its language matches must be
// found by the page.
#include "output/index_facts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "base/prng.h"
#include "protocol/deep/community_id.h"
#include "storage/segment/index_page.h"
#include "support/capture_frames.h"
#include "support/data_set.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"
#include "support/typical_filters.h"

namespace weir::output {
namespace {

using namespace storage::segment;
using test::CapturedFrame;
using test::PacketBuilder;

CapturedFrame frame_of(std::vector<std::uint8_t> bytes, LinkType link = LinkType::Ethernet) {
  const auto wire_bytes = static_cast<std::uint32_t>(bytes.size());
  return {.link_type = link, .wire_bytes = wire_bytes, .bytes = std::move(bytes)};
}

// As a snaplen leaves it.
CapturedFrame snapped(CapturedFrame frame, std::size_t bytes) {
  frame.bytes.resize(std::min(bytes, frame.bytes.size()));
  return frame;
}

// A page in which each frame is a chunk.
class FramePage {
 public:
  explicit FramePage(std::span<const CapturedFrame> frames) {
    std::vector<Packet> packets;
    for (const CapturedFrame& frame : frames) packets.push_back(frame.packet());
    parsed = test::parse_all(packets);
    const IndexFacts facts(1);
    static IndexBuilder builder(UidColumn::No);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      builder.begin_chunk();
      const std::uint64_t hash = facts.hash(packets[i], parsed[i].headers, parsed[i].keys);
      facts.note(hash, packets[i], parsed[i].headers, parsed[i].keys, builder);
      builder.end_chunk({});
    }
    unit_.resize(kUnitBytesMax);
    unit_.resize(builder.encode({}, unit_, ColumnFilters{}));
  }

  [[nodiscard]] IndexPage page() const { return IndexPage::parse(unit_).value(); }
  [[nodiscard]] ChunkMask opaque() const { return page().opaque_chunks(); }
  [[nodiscard]] ChunkMask range(Column column, IndexKey low, IndexKey high) const {
    return page().column(column).value().range(low, high).value();
  }
  [[nodiscard]] ChunkMask protocol(ProtocolClass which, std::uint16_t value) const {
    return protocols(which, value, value);
  }
  [[nodiscard]] ChunkMask protocols(ProtocolClass which, std::uint16_t low,
                                    std::uint16_t high) const {
    return range(Column::Protocols, {.low = protocol_key(which, low)},
                 {.low = protocol_key(which, high)});
  }
  [[nodiscard]] ChunkMask ports(std::uint16_t low, std::uint16_t high) const {
    return protocols(ProtocolClass::TcpPort, low, high) |
           protocols(ProtocolClass::UdpPort, low, high) |
           protocols(ProtocolClass::SctpPort, low, high);
  }
  [[nodiscard]] ChunkMask ipv4(std::uint32_t address) const {
    return range(Column::Ipv4, {.low = address}, {.low = address});
  }
  [[nodiscard]] ChunkMask tenant(TenantClass which, std::uint64_t value) const {
    const IndexKey key{.low = tenant_key(which, value)};
    return range(Column::Tenants, key, key);
  }

  std::vector<test::Parsed> parsed;

 private:
  std::vector<std::uint8_t> unit_;
};

FramePage page_of(const CapturedFrame& frame) { return FramePage({&frame, 1}); }

// A primitive of libpcap's language, and the chunks that the page gives for it.
struct Primitive {
  std::string text;
  ChunkMask found = 0;
};

std::string text_of(int family, const std::uint8_t* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, address, text.data(), text.size());
  return text.data();
}

Primitive ipv4_primitive(Prng& random, const FramePage& page, const std::uint8_t* address) {
  const std::uint32_t host = load_be32(address);
  const auto bits = static_cast<unsigned>(random.below(33));
  if (bits == 32 || random.chance(1, 2))
    return {"host " + text_of(AF_INET, address), page.ipv4(host)};
  const std::uint32_t rest = bits == 0 ? 0xffff'ffff : (1u << (32 - bits)) - 1;
  std::array<std::uint8_t, 4> net;
  store_be(net.data(), host & ~rest);
  return {"net " + text_of(AF_INET, net.data()) + "/" + std::to_string(bits),
          // A net of all addresses is what libpcap takes every packet for.
          bits == 0 ? ~ChunkMask{0}
                    : page.range(Column::Ipv4, {.low = host & ~rest}, {.low = host | rest})};
}

Primitive ipv6_primitive(Prng& random, const FramePage& page, const std::uint8_t* address) {
  const IndexKey key = IndexKey::ipv6(address);
  if (random.chance(1, 2)) {
    return {"host " + text_of(AF_INET6, address), page.range(Column::Ipv6, key, key)};
  }
  std::array<std::uint8_t, 16> net{};
  std::copy_n(address, 8, net.begin());
  return {
      "net " + text_of(AF_INET6, net.data()) + "/64",
      page.range(Column::Ipv6, {.high = key.high}, {.high = key.high, .low = ~std::uint64_t{0}})};
}

Primitive port_primitive(Prng& random, const FramePage& page, std::uint16_t port) {
  const std::string text = std::to_string(port);
  const auto high =
      static_cast<std::uint16_t>(std::min<std::uint64_t>(65'535, port + random.below(100)));
  switch (random.below(5)) {
    case 0:
      return {"port " + text, page.ports(port, port)};
    case 1:
      return {"tcp port " + text, page.protocol(ProtocolClass::TcpPort, port)};
    case 2:
      return {"udp port " + text, page.protocol(ProtocolClass::UdpPort, port)};
    case 3:
      return {"sctp port " + text, page.protocol(ProtocolClass::SctpPort, port)};
    default:
      return {"portrange " + text + "-" + std::to_string(high), page.ports(port, high)};
  }
}

Primitive protocol_primitive(Prng& random, const FramePage& page, std::uint8_t number) {
  const auto protocol = [&](std::uint16_t value) {
    return page.protocol(ProtocolClass::IpProtocol, value);
  };
  const std::string text = std::to_string(number);
  switch (random.below(10)) {
    case 0:
      return {"tcp", protocol(6)};
    case 1:
      return {"udp", protocol(17)};
    case 2:
      return {"sctp", protocol(132)};
    case 3:
      return {"icmp", protocol(1)};
    case 4:
      return {"icmp6", protocol(58)};
    case 5:
      return {"ip proto " + text, protocol(number)};
    case 6:
      return {"ip6 proto " + text, protocol(number)};
    case 7:
      return {"ip", page.protocol(ProtocolClass::Network, 0x0800)};
    case 8:
      return {"ip6", page.protocol(ProtocolClass::Network, 0x86dd)};
    default:
      return {"arp", page.protocol(ProtocolClass::Network, 0x0806)};
  }
}

// Made of what stands in a frame: what its headers say, and whatever stands anywhere.
Primitive random_primitive(Prng& random, const FramePage& page,
                           std::span<const CapturedFrame> frames) {
  const std::size_t i = random.below(frames.size());
  const PacketKeys& keys = page.parsed[i].keys;
  const IpAddress& address = random.chance(1, 2) ? keys.source : keys.destination;
  std::array<std::uint8_t, 16> anywhere{};
  const auto& bytes = frames[i].bytes;
  if (bytes.size() > anywhere.size()) {
    const std::size_t most = std::min<std::size_t>(bytes.size() - anywhere.size(), 120);
    std::copy_n(bytes.begin() + static_cast<long>(random.below(most)), anywhere.size(),
                anywhere.begin());
  }
  switch (random.below(9)) {
    case 0:
    case 1:
      return ipv4_primitive(random, page, address.bytes.data() + 12);
    case 2:
      return ipv4_primitive(random, page, anywhere.data());
    case 3:
      return ipv6_primitive(random, page, address.bytes.data());
    case 4:
      return port_primitive(random, page,
                            random.chance(1, 2) ? keys.source_port : keys.destination_port);
    case 5:
      return port_primitive(random, page, load_be16(anywhere.data()));
    case 6: {
      const auto vlan = static_cast<std::uint16_t>(load_be16(anywhere.data()) & 0xfff);
      return {"vlan " + std::to_string(vlan), page.tenant(TenantClass::Vlan, vlan)};
    }
    case 7:
      return {"vlan " + std::to_string(keys.tenant.vlan & 0xfff),
              page.tenant(TenantClass::Vlan, keys.tenant.vlan & 0xfff)};
    default:
      return protocol_primitive(random, page, random.chance(1, 2) ? keys.ip_protocol : anywhere[0]);
  }
}

// libpcap's programs of one primitive, by link type.
class Reference {
 public:
  explicit Reference(std::string text) : text_(std::move(text)) {}
  ~Reference() {
    for (auto& [link, program] : programs_) pcap_freecode(&program);
  }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  bool matches(LinkType link, Bytes frame, std::uint32_t wire_bytes) {
    const auto [at, is_new] = programs_.try_emplace(link);
    if (is_new) compile(link, at->second);
    return at->second.bf_insns != nullptr &&
           bpf_filter(at->second.bf_insns, frame.data(), wire_bytes,
                      static_cast<u_int>(frame.size())) != 0;
  }

 private:
  // Nothing for a link type that cannot have it: then no packet matches.
  void compile(LinkType link, bpf_program& program) const {
    const int dlt = link == LinkType::Raw ? DLT_RAW : static_cast<int>(link);
    pcap_t* handle = pcap_open_dead(dlt, 262'144);
    if (pcap_compile(handle, &program, text_.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) program = {};
    pcap_close(handle);
  }
  std::string text_;
  std::map<LinkType, bpf_program> programs_;
};

struct Compared {
  std::uint64_t matches = 0;
  std::uint64_t by_keys = 0;  // not only because the chunk is opaque
};

// 64 frames at a time.
Compared compare(std::span<const CapturedFrame> frames, Prng& random, int primitives) {
  Compared compared;
  for (; !frames.empty(); frames = frames.subspan(std::min<std::size_t>(64, frames.size()))) {
    const auto some = frames.first(std::min<std::size_t>(64, frames.size()));
    const FramePage page(some);
    const ChunkMask opaque = page.opaque();
    for (int i = 0; i < primitives; ++i) {
      const Primitive primitive = random_primitive(random, page, some);
      Reference reference(primitive.text);
      for (std::size_t at = 0; at < some.size(); ++at) {
        const CapturedFrame& frame = some[at];
        const Headers& headers = page.parsed[at].headers;
        bool matches = reference.matches(frame.link_type, frame.bytes, frame.wire_bytes);
        if (!matches && headers.inner_frame_offset != 0) {
          const Bytes inner = Bytes(frame.bytes).subspan(headers.inner_frame_offset);
          matches = reference.matches(headers.inner_link_type, inner,
                                      frame.wire_bytes - headers.inner_frame_offset);
        }
        if (!matches) continue;
        ++compared.matches;
        compared.by_keys += (primitive.found >> at & 1) != 0 ? 1u : 0u;
        EXPECT_TRUE(((primitive.found | opaque) >> at & 1) != 0)
            << primitive.text << " matches frame " << at << " of link type "
            << static_cast<int>(frame.link_type);
      }
    }
  }
  return compared;
}

// Some of the frames as they are, some cut, some with bytes changed.
std::vector<CapturedFrame> spoiled(std::vector<CapturedFrame> frames, Prng& random) {
  for (CapturedFrame& frame : frames) {
    if (frame.bytes.size() < 20) continue;
    if (random.chance(1, 4)) frame = snapped(frame, random.below(100));
    for (std::uint64_t i = random.chance(1, 3) ? random.below(4) : 0; i > 0 && !frame.bytes.empty();
         --i) {
      const std::size_t most = std::min<std::size_t>(frame.bytes.size(), 64);
      frame.bytes[random.below(most)] = static_cast<std::uint8_t>(random.next());
    }
  }
  return frames;
}

TEST(IndexFacts, FindWhatLibpcapMatchesInRandomFrames) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::vector<CapturedFrame> frames;
    while (frames.size() < 256) {
      frames.push_back(frame_of(test::typical_frame(random)));
      const test::BothWays flow = test::random_flow(random);
      frames.push_back(frame_of(flow.there));
      frames.push_back(frame_of(flow.back));
    }
    const Compared whole = compare(frames, random, 100);
    EXPECT_GT(whole.by_keys, whole.matches / 10 * 9);
    EXPECT_GT(whole.matches, 300u);
    const Compared damaged = compare(spoiled(frames, random), random, 100);
    EXPECT_GT(damaged.by_keys, damaged.matches / 10 * 9);
  }
}

TEST(IndexFacts, FindWhatLibpcapMatchesInRealCaptures) {
  WEIR_SKIP_WITHOUT_DATA();
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::data_set_dir())) {
    const std::string extension = entry.path().extension();
    if (extension == ".pcap" || extension == ".pcapng" || extension == ".cap") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Compared all;
  Prng random(1);
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    std::vector<CapturedFrame> frames = test::read_frames(file);
    if (frames.size() > 128) frames.resize(128);
    for (const auto& set : {frames, spoiled(frames, random)}) {
      const Compared compared = compare(set, random, 12);
      all.matches += compared.matches;
      all.by_keys += compared.by_keys;
    }
  }
  EXPECT_GT(all.matches, 10'000u);
  EXPECT_GT(all.by_keys, all.matches / 100 * 99);
}

TEST(IndexFacts, KeysOfATunnelledPacketAreThoseOfAllItsLayers) {
  const FramePage page = page_of(frame_of(PacketBuilder()
                                              .ethernet()
                                              .vlan(7)
                                              .ipv4("10.0.0.1", "10.0.0.2")
                                              .udp(50'000, 4789)
                                              .vxlan(99)
                                              .ethernet()
                                              .vlan(8)
                                              .ipv6("2001:db8::1", "2001:db8::2")
                                              .tcp(1234, 443)
                                              .payload(10)
                                              .build()));
  EXPECT_EQ(page.opaque(), 0u);
  EXPECT_EQ(page.ipv4(0x0a000001), 1u);
  EXPECT_EQ(page.ipv4(0x0a000002), 1u);
  EXPECT_EQ(page.page().column(Column::Ipv4)->entries(), 2u);
  EXPECT_EQ(page.page().column(Column::Ipv6)->entries(), 2u);
  EXPECT_EQ(page.protocol(ProtocolClass::UdpPort, 50'000), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::UdpPort, 4789), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 1234), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 443), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 4789), 0u);
  EXPECT_EQ(page.protocol(ProtocolClass::IpProtocol, 17), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::IpProtocol, 6), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::Network, 0x0800), 1u);
  EXPECT_EQ(page.protocol(ProtocolClass::Network, 0x86dd), 1u);
  EXPECT_EQ(page.tenant(TenantClass::Vlan, 7), 1u);
  EXPECT_EQ(page.tenant(TenantClass::Vlan, 8), 1u);
  EXPECT_EQ(page.tenant(TenantClass::Vni, 99), 1u);
  EXPECT_EQ(page.page().column(Column::Tenants)->entries(), 3u);
}

TEST(IndexFacts, GatewayIdentitiesAreTenants) {
  const auto frame = frame_of(PacketBuilder()
                                  .ethernet()
                                  .ipv4("10.0.0.1", "10.0.0.2")
                                  .udp(50'000, 6081)
                                  .geneve(0, {0x01, 0x08, 1, 2, 0, 0, 0, 0, 0, 0, 0, 5,  //
                                              0x01, 0x08, 2, 2, 0, 0, 0, 0, 0, 0, 0, 6})
                                  .ipv4("10.1.0.1", "10.1.0.2")
                                  .tcp(1, 2)
                                  .build());
  const FramePage page = page_of(frame);
  EXPECT_EQ(page.tenant(TenantClass::GwlbEndpoint, 5), 1u);
  EXPECT_EQ(page.tenant(TenantClass::GwlbAttachment, 6), 1u);
}

// 1:LQU9qZlK+B5F3KDmev6m5PMibrg= is the example of the specification.
TEST(IndexFacts, TheCommunityIdIsFoundByItsFirstFiveBytes) {
  const auto there =
      PacketBuilder().ethernet().ipv4("128.232.110.120", "66.35.250.204").tcp(34855, 80).build();
  const auto back =
      PacketBuilder().ethernet().ipv4("66.35.250.204", "128.232.110.120").tcp(80, 34855).build();
  const std::vector<CapturedFrame> frames = {frame_of(there), frame_of(back)};
  const FramePage page(frames);
  const IndexKey start{.low = 0x2d053da999};
  EXPECT_EQ(page.range(Column::CommunityId, start, start), 0b11u);
  EXPECT_EQ(page.page().column(Column::CommunityId)->entries(), 1u);
}

// All have the flow hash of the first.
TEST(IndexFacts, PacketsThatTheFlowHashDoesNotTellApartHaveTheirOwnKeys) {
  const auto inner = [](PacketBuilder& builder) {
    return frame_of(builder.ipv4("10.0.0.1", "10.0.0.2").tcp(1234, 443).build());
  };
  std::vector<CapturedFrame> frames;
  frames.push_back(inner(PacketBuilder().ethernet()));
  frames.push_back(inner(PacketBuilder().ethernet().ipv4("192.0.2.1", "192.0.2.2").gre()));
  frames.push_back(inner(PacketBuilder().ethernet().ipv4("192.0.2.1", "192.0.2.3").gre()));
  frames.push_back(inner(PacketBuilder().ethernet().ipv6("2001:db8::1", "2001:db8::2").gre()));
  frames.push_back(frame_of(PacketBuilder()
                                .ethernet()
                                .ipv6("::ffff:10.0.0.1", "::ffff:10.0.0.2")
                                .tcp(1234, 443)
                                .build()));
  const FramePage page(frames);
  for (const test::Parsed& parsed : page.parsed) {
    EXPECT_EQ(parsed.headers.flow_hash, page.parsed[0].headers.flow_hash);
  }
  EXPECT_EQ(page.ipv4(0x0a000001), 0b01111u);
  EXPECT_EQ(page.ipv4(0xc0000201), 0b00110u);
  EXPECT_EQ(page.ipv4(0xc0000203), 0b00100u);
  EXPECT_EQ(page.protocol(ProtocolClass::Network, 0x86dd), 0b11000u);
  EXPECT_EQ(page.range(Column::Ipv6, {.low = 0xffff'0a00'0001}, {.low = 0xffff'0a00'0001}),
            0b10000u);
}

// Mirrors of one flow: what is outside of it is theirs alone.
TEST(IndexFacts, TheSameFlowInOtherTunnelsHasTheirKeysToo) {
  struct Outer {
    const char* source;
    std::uint16_t port;
    std::uint32_t vni;
  };
  std::vector<CapturedFrame> frames;
  for (const Outer& outer : {Outer{"192.0.2.1", 50'000, 7}, Outer{"192.0.2.1", 50'000, 8},
                             Outer{"192.0.2.1", 50'001, 7}, Outer{"192.0.2.2", 50'000, 7}}) {
    frames.push_back(frame_of(PacketBuilder()
                                  .ethernet()
                                  .ipv4(outer.source, "198.51.100.1")
                                  .udp(outer.port, 4789)
                                  .vxlan(outer.vni)
                                  .ethernet()
                                  .ipv4("10.0.0.1", "10.0.0.2")
                                  .tcp(1234, 443)
                                  .build()));
  }
  const FramePage page(frames);
  const auto vni = [&](std::uint32_t id) {
    const IndexKey key{.low = tenant_key(TenantClass::Vni, id)};
    return page.range(Column::Tenants, key, key);
  };
  EXPECT_EQ(vni(7), 0b1101u);
  EXPECT_EQ(vni(8), 0b0010u);
  EXPECT_EQ(page.protocol(ProtocolClass::UdpPort, 50'000), 0b1011u);
  EXPECT_EQ(page.protocol(ProtocolClass::UdpPort, 50'001), 0b0100u);
  EXPECT_EQ(page.ipv4(0xc0000201), 0b0111u);
  EXPECT_EQ(page.ipv4(0xc0000202), 0b1000u);
  EXPECT_EQ(page.ipv4(0x0a000001), 0b1111u);
  EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 443), 0b1111u);
}

// Reports that two hosts send each other: one flow hash, two Community IDs.
TEST(IndexFacts, MessagesThatNothingAnswersAreApartByDirection) {
  const std::vector<CapturedFrame> frames = {
      frame_of(PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").icmp(3, 1).build()),
      frame_of(PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").icmp(1, 3).build())};
  const FramePage page(frames);
  EXPECT_EQ(page.parsed[0].headers.flow_hash, page.parsed[1].headers.flow_hash);
  EXPECT_EQ(page.page().column(Column::CommunityId)->entries(), 2u);
}

TEST(IndexFacts, PortsOfAHeaderThatTheSnaplenCutAreFound) {
  const auto whole = frame_of(
      PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(1234, 443).payload(100).build());
  for (const std::size_t bytes : {34u, 36u, 38u, 50u}) {
    SCOPED_TRACE(bytes);
    const FramePage page = page_of(snapped(whole, bytes));
    EXPECT_EQ(page.opaque(), 0u);
    EXPECT_EQ(page.ipv4(0x0a000001), 1u);
    EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 1234), bytes >= 36 ? 1u : 0u);
    EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 443), bytes >= 38 ? 1u : 0u);
  }
  // In the middle of its destination.
  const FramePage cut = page_of(snapped(whole, 33));
  EXPECT_EQ(cut.opaque(), 0u);
  EXPECT_EQ(cut.ipv4(0x0a000001), 1u);
  EXPECT_EQ(cut.ipv4(0x0a000002), 0u);
  EXPECT_EQ(cut.protocol(ProtocolClass::IpProtocol, 6), 1u);
}

TEST(IndexFacts, HeadersThatContradictThemselvesAreFoundByWhatFiltersReadInThem) {
  const auto whole =
      PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(1234, 443).payload(40).build();
  struct Change {
    const char* what;
    std::size_t at;
    std::uint8_t value;
    bool has_ports;
  };
  for (const Change& change : {
           Change{"IP version 5", 14, 0x55, true},
           Change{"IP header of 16 bytes", 14, 0x44, false},
           Change{"total length of 3 bytes", 17, 3, true},
           Change{"TCP header of 8 bytes", 46, 0x20, true},
       }) {
    SCOPED_TRACE(change.what);
    auto bytes = whole;
    bytes[change.at] = change.value;
    const CapturedFrame frame = frame_of(bytes);
    const FramePage page = page_of(frame);
    EXPECT_NE(page.parsed[0].headers.malformed, MalformedReason::None);
    EXPECT_EQ(page.opaque(), 0u);
    EXPECT_EQ(page.ipv4(0x0a000001), 1u);
    EXPECT_EQ(page.ipv4(0x0a000002), 1u);
    EXPECT_EQ(page.protocol(ProtocolClass::IpProtocol, 6), 1u);
    EXPECT_EQ(page.protocol(ProtocolClass::TcpPort, 443), change.has_ports ? 1u : 0u);
  }
}

TEST(IndexFacts, AnAddressOfIpv6ThatIsCutMakesItsChunkOpaque) {
  const auto whole = frame_of(
      PacketBuilder().ethernet().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(9).build());
  EXPECT_EQ(page_of(snapped(whole, 14 + 8)).opaque(), 0u);
  EXPECT_EQ(page_of(snapped(whole, 14 + 12)).opaque(), 1u) << "net 2001:db8::/32 looks no further";
  EXPECT_EQ(page_of(snapped(whole, 14 + 40)).opaque(), 0u);
}

TEST(IndexFacts, ChunksWithPacketsOfUnknownLinksOrCutTagsAreOpaque) {
  EXPECT_EQ(page_of(frame_of(std::vector<std::uint8_t>(60), LinkType{147})).opaque(), 1u);
  std::vector<std::uint8_t> cut_tag(15);
  store_be<std::uint16_t>(&cut_tag[12], 0x8100);
  EXPECT_EQ(page_of(frame_of(cut_tag)).opaque(), 1u);
  std::vector<std::uint8_t> lldp(60);
  store_be<std::uint16_t>(&lldp[12], 0x88cc);
  EXPECT_EQ(page_of(frame_of(lldp)).opaque(), 0u);
}

TEST(IndexFacts, HostsAreFoundInRarpToo) {
  std::vector<std::uint8_t> rarp(60);
  store_be<std::uint16_t>(&rarp[12], 0x8035);
  store_be<std::uint32_t>(&rarp[14 + 24], 0x0a000007);
  const FramePage page = page_of(frame_of(rarp));
  EXPECT_EQ(page.opaque(), 0u);
  EXPECT_EQ(page.ipv4(0x0a000007), 1u);
}

}  // namespace
}  // namespace weir::output

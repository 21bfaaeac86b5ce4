// Every header of every packet of twenty captures, field by field, as tshark saw it: the layer
// offsets must be right for the fields read through them to be equal.
#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "support/data_set.h"
#include "support/headers_of.h"
#include "support/tshark_community_id.h"

namespace weir::test {
namespace {

using Fields =
    std::map<std::string, std::string>;  // column name → values, outer first, joined by commas

std::string hex(std::uint32_t value, int digits) {
  std::string text;
  for (int digit = digits - 1; digit >= 0; --digit)
    text += "0123456789abcdef"[(value >> (4 * digit)) & 0xf];
  return text;
}
std::string hex16(unsigned value) { return "0x" + hex(value, 4); }
std::string mac(const std::uint8_t* at) {
  std::string text = hex(at[0], 2);
  for (int i = 1; i < 6; ++i) text += ":" + hex(at[i], 2);
  return text;
}
std::string ip_text(int family, const std::uint8_t* at) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, at, text, sizeof text);
}

class FieldWriter {
 public:
  explicit FieldWriter(Fields& fields) : fields_(fields) {}
  void add(const char* column, std::string value) {
    std::string& values = fields_[column];
    if (!values.empty()) values += ',';
    values += value;
  }
  void add(const char* column, unsigned value) { add(column, std::to_string(value)); }

 private:
  Fields& fields_;
};

constexpr unsigned kTypeMin = 0x0600;

void add_link_fields(FieldWriter& out, const Layer& layer, const std::uint8_t* at) {
  switch (layer.type) {
    case LayerType::Ethernet:
      out.add("eth.dst", mac(at));
      out.add("eth.src", mac(at + 6));
      if (load_be16(at + 12) >= kTypeMin) out.add("eth.type", hex16(load_be16(at + 12)));
      break;
    case LayerType::LinuxSll:
      out.add("sll.etype", hex16(load_be16(at + 14)));
      break;
    case LayerType::LinuxSll2:
      out.add("sll.etype", hex16(load_be16(at)));
      break;
    case LayerType::Vlan:
      out.add("vlan.id", load_be16(at) & 0xfffu);
      if (load_be16(at + 2) >= kTypeMin) out.add("vlan.etype", hex16(load_be16(at + 2)));
      break;
    case LayerType::Mpls:
      out.add("mpls.label", load_be32(at) >> 12);
      break;
    case LayerType::PppoeSession:
      out.add("pppoe.session_id", hex16(load_be16(at + 2)));
      break;
    default:
      break;
  }
}

void add_network_fields(FieldWriter& out, const Layer& layer, const std::uint8_t* at) {
  switch (layer.type) {
    case LayerType::Ipv4:
      out.add("ip.src", ip_text(AF_INET, at + 12));
      out.add("ip.dst", ip_text(AF_INET, at + 16));
      out.add("ip.proto", at[9]);
      out.add("ip.ttl", at[8]);
      out.add("ip.id", hex16(load_be16(at + 4)));
      out.add("ip.len", load_be16(at + 2));
      out.add("ip.frag_offset", load_be16(at + 6) & 0x1fffu);
      out.add("ip.flags.mf", (load_be16(at + 6) >> 13) & 1u);
      break;
    case LayerType::Ipv6:
      out.add("ipv6.src", ip_text(AF_INET6, at + 8));
      out.add("ipv6.dst", ip_text(AF_INET6, at + 24));
      out.add("ipv6.nxt", at[6]);
      out.add("ipv6.hlim", at[7]);
      break;
    case LayerType::Ipv6Fragment:
      out.add("ipv6.fraghdr.nxt", at[0]);
      out.add("ipv6.fraghdr.offset", load_be16(at + 2) >> 3);
      break;
    case LayerType::Icmp:
      out.add("icmp.type", at[0]);
      out.add("icmp.code", at[1]);
      break;
    case LayerType::Icmpv6:
      out.add("icmpv6.type", at[0]);
      out.add("icmpv6.code", at[1]);
      break;
    default:
      break;
  }
}

void add_upper_fields(FieldWriter& out, const Layer& layer, const std::uint8_t* at) {
  switch (layer.type) {
    case LayerType::Tcp:
      out.add("tcp.srcport", load_be16(at));
      out.add("tcp.dstport", load_be16(at + 2));
      out.add("tcp.flags", hex16(load_be16(at + 12) & 0xfffu));
      out.add("tcp.seq_raw", load_be32(at + 4));
      out.add("tcp.ack_raw", load_be32(at + 8));
      out.add("tcp.window_size_value", load_be16(at + 14));
      break;
    case LayerType::Udp:
      out.add("udp.srcport", load_be16(at));
      out.add("udp.dstport", load_be16(at + 2));
      out.add("udp.length", load_be16(at + 4));
      break;
    case LayerType::Sctp:
      out.add("sctp.srcport", load_be16(at));
      out.add("sctp.dstport", load_be16(at + 2));
      break;
    case LayerType::Gre:
      out.add("gre.proto", hex16(load_be16(at + 2)));
      break;
    case LayerType::Vxlan:
      out.add("vxlan.vni", load_be24(at + 4));
      break;
    case LayerType::Geneve:
      out.add("geneve.vni", "0x" + hex(load_be24(at + 4), 6));
      break;
    case LayerType::GtpU:
      out.add("gtp.teid", "0x" + hex(load_be32(at + 4), 8));
      break;
    default:
      break;
  }
}

Fields describe(const CapturedFrame& frame, const Parsed& parsed) {
  Fields fields;
  FieldWriter out(fields);
  for (const Layer& layer : parsed.layers()) {
    const std::uint8_t* at = frame.bytes.data() + layer.offset;
    add_link_fields(out, layer, at);
    add_network_fields(out, layer, at);
    add_upper_fields(out, layer, at);
  }
  const Headers& headers = parsed.headers;
  if (fields.contains("tcp.flags")) out.add("tcp.len", headers.payload_bytes);
  fields["communityid"] = community_id_by_tshark(frame, parsed);
  return fields;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Error messages quote the headers of the packet that caused them. tshark dissects those too; to
// weir they are payload.
bool is_icmp_error(const CapturedFrame& frame, const Parsed& parsed) {
  if (parsed.headers.layer_count == 0) return false;
  const Layer& last = parsed.layers().back();
  const std::uint8_t type = frame.bytes[last.offset];
  if (last.type == LayerType::Icmp)
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  return last.type == LayerType::Icmpv6 && type >= 1 && type <= 4;
}

bool equal_or_quoting(const std::string& ours, const std::string& theirs, bool quoting) {
  if (ours == theirs) return true;
  return quoting && (ours.empty() || theirs.starts_with(ours + ","));
}

const std::vector<std::string> kNotOfHeaders = {
    "frame.number",       "frame.time_epoch", "frame.len",  "frame.cap_len",
    "frame.interface_id", "frame.protocols",  "tcp.stream", "udp.stream"};

void compare(const std::string& capture, const std::string& table) {
  const std::vector<CapturedFrame> frames = read_frames(data_set_dir() / capture);
  const std::vector<Parsed> parsed = parse_all(frames);
  std::istringstream rows(table);
  std::string line;
  std::getline(rows, line);
  const std::vector<std::string> columns = split(line, '\t');
  std::size_t number = 0;
  for (; std::getline(rows, line); ++number) {
    ASSERT_LT(number, frames.size()) << capture;
    const std::vector<std::string> values = split(line, '\t');
    ASSERT_EQ(values.size(), columns.size()) << capture;
    Fields ours = describe(frames[number], parsed[number]);
    const bool quoting = is_icmp_error(frames[number], parsed[number]);
    const bool lying = parsed[number].headers.malformed == MalformedReason::BadTotalLength;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      // tshark believes an IP length beyond the frame, weir counts what is there.
      if (lying && columns[i] == "tcp.len") continue;
      if (std::find(kNotOfHeaders.begin(), kNotOfHeaders.end(), columns[i]) != kNotOfHeaders.end())
        continue;
      EXPECT_TRUE(equal_or_quoting(ours[columns[i]], values[i], quoting))
          << capture << " packet " << number + 1 << " " << columns[i] << ": " << ours[columns[i]]
          << ", tshark " << values[i];
    }
  }
  EXPECT_EQ(number, frames.size()) << capture;
}

TEST(L2L4Table, EveryFieldOfEveryPacketIsAsTsharkSawIt) {
  WEIR_SKIP_WITHOUT_DATA();
  std::size_t tables = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(data_set_dir() / "expected" / "l2l4")) {
    // suite__folder__name.pcap.tsv.zst stands for suite/folder/name.pcap
    std::string capture = entry.path().stem().stem().string();
    for (std::size_t at = capture.find("__"); at != std::string::npos; at = capture.find("__"))
      capture.replace(at, 2, "/");
    compare(capture, read_zstd(entry.path()));
    ++tables;
  }
  EXPECT_EQ(tables, 20u);
}

}  // namespace
}  // namespace weir::test

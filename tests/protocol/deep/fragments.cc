#include "protocol/deep/fragments.h"

namespace weir::test {
namespace {

void put16(std::vector<std::uint8_t>& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void append(std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

std::vector<std::uint8_t> fragment_v4(const FragmentFields& f) {
  const std::size_t header = 20 + f.more_header.size();
  std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(0x40 | header / 4), 0};
  put16(out, static_cast<std::uint32_t>(header + f.payload.size()));
  put16(out, f.id);
  put16(out, (f.dont_fragment ? 0x4000u : 0u) | (f.more ? 0x2000u : 0u) | f.offset / 8);
  append(out, {64, f.protocol, 0, 0, 10, 0, 0, f.host, 10, 0, 0, 2});
  append(out, f.more_header);
  append(out, f.payload);
  return out;
}

std::vector<std::uint8_t> fragment_v6(const FragmentFields& f) {
  std::vector<std::uint8_t> out = {0x60, 0, 0, 0};
  put16(out, static_cast<std::uint32_t>(f.more_header.size() + 8 + f.payload.size()));
  append(out, {f.more_header.empty() ? std::uint8_t{44} : f.first_extension, 64});
  append(out, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, f.host});
  append(out, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
  append(out, f.more_header);
  append(out, {f.protocol, 0});
  put16(out, f.offset | (f.more ? 1u : 0u));
  put16(out, f.id >> 16);
  put16(out, f.id);
  append(out, f.payload);
  return out;
}

}  // namespace

std::vector<std::uint8_t> fragment(const FragmentFields& fields) {
  return fields.version == 4 ? fragment_v4(fields) : fragment_v6(fields);
}

std::vector<std::uint8_t> counting(std::size_t count, std::size_t first) {
  std::vector<std::uint8_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>((first + i) % 251);
  return out;
}

const char* broken_law(const protocol::DefragmenterStatistics& s) {
  if (s.fragments_taken.value() != s.fragments_held.value() + s.fragments_completed.value() +
                                       s.fragments_expired.value() + s.fragments_evicted.value() +
                                       s.fragments_refused.value() +
                                       s.fragments_incomplete.value()) {
    return "a fragment is in no place or in two";
  }
  if (s.datagrams_begun.value() != s.datagrams_waiting.value() + s.datagrams_completed.value() +
                                       s.datagrams_expired.value() + s.datagrams_evicted.value()) {
    return "a datagram is in no place or in two";
  }
  if (s.datagrams_waiting.value() > s.fragments_held.value()) return "a datagram without fragment";
  if (s.datagrams_waiting.value() == 0 && s.pages_used.value() != 0) return "a page is lost";
  return nullptr;
}

const char* not_whole(Bytes packet) {
  if (packet.size() < 20) return "shorter than a header";
  if ((packet[0] >> 4) == 6) {
    if (packet.size() < 40) return "shorter than a header";
    return load_be16(packet.data() + 4) == packet.size() - 40 ? nullptr : "payload length is wrong";
  }
  const std::size_t header = (packet[0] & 0x0fu) * 4;
  if (header < 20 || header > packet.size()) return "header length is wrong";
  if (load_be16(packet.data() + 2) != packet.size()) return "total length is wrong";
  if (load_be16(packet.data() + 6) != 0) return "still a fragment";
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < header; i += 2) sum += load_be16(packet.data() + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff ? nullptr : "checksum is wrong";
}

}  // namespace weir::test

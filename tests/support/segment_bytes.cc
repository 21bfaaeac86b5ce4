#include "support/segment_bytes.h"

#include <algorithm>
#include <fstream>

#include <zstd.h>

namespace weir::test {
namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::uint32_t kType = 0x80776569;
constexpr std::size_t kUnit = 4096;

void put(Buffer& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void put32(Buffer& out, std::uint64_t value) { put(out, value, 4); }
void put64(Buffer& out, std::uint64_t value) { put(out, value, 8); }
void put64s(Buffer& out, std::int64_t value) { put(out, static_cast<std::uint64_t>(value), 8); }
void put_zeros(Buffer& out, std::size_t bytes) { out.resize(out.size() + bytes); }
void put_text(Buffer& out, const std::string& text) {
  out.insert(out.end(), text.begin(), text.end());
  put_zeros(out, (4 - text.size() % 4) % 4);
}
void set(Buffer& out, std::size_t at, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

// RFC 3720 B.4, bit by bit.
std::uint32_t crc_of(const std::uint8_t* at, std::size_t bytes) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < bytes; ++i) {
    crc ^= at[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

// A pcapng block, or one of ours: the length is put in by end().
std::size_t begin(Buffer& out, std::uint32_t type) {
  put32(out, type);
  put32(out, 0);
  return out.size() - 8;
}
std::size_t begin_ours(Buffer& out, int kind, std::uint16_t flags = 0) {
  const std::size_t at = begin(out, kType);
  for (const char c : {'w', 'e', 'i', 'r'}) out.push_back(static_cast<std::uint8_t>(c));
  out.push_back(static_cast<std::uint8_t>(kind));
  out.push_back(1);
  put(out, flags, 2);
  return at;
}
void end(Buffer& out, std::size_t at) {
  put32(out, out.size() + 4 - at);
  set(out, at + 4, out.size() - at, 4);
}
// The block reaches to a multiple of 4 KiB.
void end_at_unit(Buffer& out, std::size_t at) {
  put_zeros(out, (kUnit - (out.size() + 4) % kUnit) % kUnit);
  end(out, at);
}
// The 40 bytes of a unit header behind the head of its block; add_unit() fills them in.
void put_unit_header(Buffer& out) { put_zeros(out, 40); }

void put_packet(Buffer& out, const SegmentPacket& packet) {
  const auto bytes = static_cast<std::uint32_t>(packet.frame.size());
  const std::size_t at = begin(out, packet.simple ? 3 : 6);
  if (packet.simple) {
    put32(out, bytes);
    put_text(out, packet.frame);
    return end(out, at);
  }
  put32(out, packet.interface);
  put32(out, static_cast<std::uint64_t>(packet.time) >> 32);
  put32(out, static_cast<std::uint64_t>(packet.time));
  put32(out, bytes);
  put32(out, bytes);
  put_text(out, packet.frame);
  if (packet.dropped != 0) {
    put(out, 4, 2);  // epb_dropcount
    put(out, 8, 2);
    put64(out, packet.dropped);
    put32(out, 0);
  }
  end(out, at);
}

void put_chunk_row(Buffer& out, const SegmentChunk& chunk) {
  put64(out, chunk.offset);
  put32(out, chunk.unit_bytes);
  put32(out, chunk.packets);
  put64s(out, chunk.first);
  put64s(out, chunk.last);
  put64(out, chunk.wire_bytes);
  put64(out, chunk.lost);
}

}  // namespace

SegmentBytes::SegmentBytes(const Options& options) : options_(options) {
  Buffer unit;
  std::size_t at = begin(unit, 0x0a0d0d0a);
  put32(unit, 0x1a2b3c4d);
  put(unit, 1, 2);
  put(unit, 0, 2);
  put64(unit, 0xffff'ffff'ffff'ffff);
  end(unit, at);
  for (const std::string& name : options.interfaces) {
    at = begin(unit, 1);
    put32(unit, 1);  // Ethernet
    put32(unit, options.snaplen);
    put(unit, 2, 2);  // if_name
    put(unit, name.size(), 2);
    put_text(unit, name);
    put(unit, 9, 2);  // if_tsresol
    put(unit, 1, 2);
    put32(unit, 9);
    put32(unit, 0);
    end(unit, at);
  }
  at = begin_ours(unit, 1);
  put_unit_header(unit);
  put64(unit, options.sequence);
  put64s(unit, options.created);
  put32(unit, options.lane);
  put32(unit, options.interfaces.size());
  put32(unit, 1024 * 1024);
  end_at_unit(unit, at);
  add_unit(std::move(unit), static_cast<std::uint32_t>(at));
}

void SegmentBytes::add_chunk(const std::vector<SegmentPacket>& packets, bool compressed,
                             const std::string& others) {
  Buffer records;
  SegmentChunk chunk;
  for (const SegmentPacket& packet : packets) {
    put_packet(records, packet);
    ++chunk.packets;
    chunk.wire_bytes += packet.frame.size();
    chunk.lost += packet.dropped;
    if (packet.simple) continue;
    chunk.first = std::min(chunk.first, packet.time);
    chunk.last = std::max(chunk.last, packet.time);
  }
  records.insert(records.end(), others.begin(), others.end());
  Buffer stored = records;
  if (compressed) {
    stored.clear();
    const std::size_t at = begin_ours(stored, 5);
    std::string frame(ZSTD_compressBound(records.size()), '\0');
    frame.resize(ZSTD_compress(frame.data(), frame.size(), records.data(), records.size(), 1));
    put32(stored, frame.size());
    put_text(stored, frame);
    end(stored, at);
  }
  Buffer unit;
  std::size_t at = begin_ours(unit, 2);
  put_unit_header(unit);
  put32(unit, chunks_.size());
  put32(unit, chunk.packets);
  put64s(unit, chunk.first);
  put64s(unit, chunk.last);
  put64(unit, chunk.wire_bytes);
  put64(unit, chunk.lost);
  put32(unit, records.size());
  put32(unit, stored.size());
  put64(unit, compressed ? 1 : 0);
  put64(unit, packets_);
  put_zeros(unit, 124 - unit.size());
  end(unit, at);
  unit.insert(unit.end(), stored.begin(), stored.end());
  std::size_t room = (kUnit - unit.size() % kUnit) % kUnit;
  if (room > 0 && room < 20) room += kUnit;
  if (room > 0) {
    at = begin_ours(unit, 0);
    put_zeros(unit, room - 20);
    end(unit, at);
  }
  chunk.offset = bytes_.size();
  chunk.unit_bytes = static_cast<std::uint32_t>(unit.size());
  chunks_.push_back(chunk);
  packets_ += chunk.packets;
  add_unit(std::move(unit), 0);
}

void SegmentBytes::add_index() {
  Buffer rows;
  for (std::size_t i = indexed_; i < chunks_.size(); ++i) put_chunk_row(rows, chunks_[i]);
  Buffer addresses;  // a column without entries
  put32(addresses, 0);
  put(addresses, 4, 2);
  put(addresses, 64, 2);
  put32(addresses, 0);
  const std::size_t count = chunks_.size() - indexed_;
  Buffer unit;
  const std::size_t at = begin_ours(unit, 3);
  put_unit_header(unit);
  put32(unit, indexed_);
  put32(unit, count);
  put64(unit, 0);
  put32(unit, 2);
  put32(unit, 0);
  const std::size_t rows_at = unit.size() + 2 * 24;
  const std::size_t addresses_at = rows_at + rows.size();
  const auto put_column = [&](std::uint32_t column, std::size_t offset, const Buffer& bytes,
                              std::size_t entries) {
    put32(unit, column);
    put32(unit, offset);
    put32(unit, bytes.size());
    put32(unit, entries);
    put32(unit, crc_of(bytes.data(), bytes.size()));
    put32(unit, 0);
  };
  put_column(1, rows_at, rows, count);
  put_column(2, addresses_at, addresses, 0);
  unit.insert(unit.end(), rows.begin(), rows.end());
  unit.insert(unit.end(), addresses.begin(), addresses.end());
  end_at_unit(unit, at);

  Buffer entry;
  put64(entry, bytes_.size());
  put32(entry, unit.size());
  put32(entry, indexed_);
  put32(entry, count);
  put32(entry, 0);
  put32(entry, rows_at);
  put32(entry, rows.size());
  put32(entry, addresses_at);
  put32(entry, addresses.size());
  put_zeros(entry, 88 - entry.size());
  page_entries_.push_back(std::move(entry));
  indexed_ = chunks_.size();
  add_unit(std::move(unit), 0);
}

void SegmentBytes::add_tail(bool recovered, std::uint64_t cut_bytes) {
  SegmentChunk sum;
  for (const SegmentChunk& chunk : chunks_) {
    sum.wire_bytes += chunk.wire_bytes;
    sum.lost += chunk.lost;
    sum.first = std::min(sum.first, chunk.first);
    sum.last = std::max(sum.last, chunk.last);
  }
  Buffer unit;
  std::size_t at = begin_ours(unit, 4, recovered ? 1 : 0);
  put_unit_header(unit);
  put64s(unit, options_.created + 1'000'000'000);
  put32(unit, 128 + 24 * options_.interfaces.size());
  put_zeros(unit, 124 - unit.size());
  end(unit, at);
  for (std::size_t i = 0; i < options_.interfaces.size(); ++i) {
    at = begin(unit, 5);
    put32(unit, i);
    put64(unit, 0);
    end(unit, at);
  }
  at = begin_ours(unit, 6);
  put64(unit, bytes_.size());
  for (int i = 0; i < 16; ++i) unit.push_back(options_.uuid);
  put64(unit, packets_);
  put64s(unit, sum.first);
  put64s(unit, sum.last);
  put64(unit, sum.wire_bytes);
  put64(unit, sum.lost);
  put64(unit, cut_bytes);
  put32(unit, chunks_.size());
  put32(unit, page_entries_.size());
  put32(unit, 1);
  put32(unit, 0);
  put(unit, 2, 2);  // IPv4
  put(unit, 7, 2);
  put32(unit, 104 + 16 + 88 * page_entries_.size());
  put32(unit, 64);
  put32(unit, 0);
  for (const Buffer& entry : page_entries_) unit.insert(unit.end(), entry.begin(), entry.end());
  put_zeros(unit, 64);
  end_at_unit(unit, at);
  add_unit(std::move(unit), 0);
}

void SegmentBytes::add_unit(Buffer unit, std::uint32_t block_offset) {
  const std::size_t at = block_offset;
  set(unit, at + 16, unit.size(), 4);
  std::fill_n(unit.begin() + static_cast<std::ptrdiff_t>(at) + 24, 16, options_.uuid);
  set(unit, at + 40, units_.size(), 4);
  set(unit, at + 44, block_offset, 4);
  set(unit, at + 48, bytes_.size(), 8);
  units_.push_back({.offset = bytes_.size(),
                    .bytes = static_cast<std::uint32_t>(unit.size()),
                    .block_offset = block_offset});
  bytes_.insert(bytes_.end(), unit.begin(), unit.end());
  reseal(units_.size() - 1);
}

void SegmentBytes::set32(std::size_t unit, std::size_t at, std::uint32_t value) {
  set(bytes_, units_[unit].offset + at, value, 4);
}
void SegmentBytes::set64(std::size_t unit, std::size_t at, std::uint64_t value) {
  set(bytes_, units_[unit].offset + at, value, 8);
}

void SegmentBytes::reseal(std::size_t unit) {
  const SegmentUnit& place = units_[unit];
  const std::size_t field = place.block_offset + 20;
  set32(unit, field, 0);
  set32(unit, field, crc_of(bytes_.data() + place.offset, place.bytes));
}

void SegmentBytes::write(const std::string& path) const {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes_.data()),
             static_cast<std::streamsize>(bytes_.size()));
}

SegmentBytes small_segment(const SegmentBytes::Options& options) {
  // Ethernet of an experimental type, so that no dissector has an opinion.
  const auto frame = [](std::size_t bytes) {
    return "\x02\1\1\1\1\1\x02\2\2\2\2\2\x88\xb5" + std::string(bytes - 14, 'p');
  };
  const std::int64_t begin = options.created;
  SegmentBytes segment(options);
  segment.add_chunk({{.time = begin + 5, .interface = 0, .frame = frame(60)},
                     {.time = begin + 3, .interface = 1, .frame = frame(1001)},
                     {.time = begin + 9, .interface = 0, .frame = frame(62)}});
  segment.add_chunk({{.time = begin + 10, .interface = 1, .frame = frame(14'000), .dropped = 7},
                     {.time = begin + 11, .interface = 1, .frame = frame(8000)}});
  std::vector<SegmentPacket> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back({.time = begin + 100 + i, .interface = 0, .frame = frame(1000)});
  }
  segment.add_chunk(many, true);
  segment.add_index();
  segment.add_chunk({{.frame = frame(100), .simple = true},
                     {.time = begin + 200, .interface = 1, .frame = frame(14'000)}});
  segment.add_index();
  segment.add_tail();
  return segment;
}

SegmentBytes small_segment() { return small_segment({}); }

}  // namespace weir::test

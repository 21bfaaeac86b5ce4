#include "storage/segment/unit_walk.h"

#include <utility>

namespace weir::storage::segment {
namespace {

UnitRead failed(UnitFault fault) { return {.fault = fault, .unit = {}}; }
UnitRead failed(const Error& error) {
  return {.fault = UnitFault::ReadFailed, .unit = {}, .detail = error.context};
}

// Of the header, against its place.
UnitFault fault_of(const UnitHeader& unit, const UnitPlace& place) noexcept {
  if (unit.segment != place.segment) return UnitFault::WrongSegment;
  if (unit.file_offset != place.offset) return UnitFault::WrongOffset;
  if (place.ordinal && unit.ordinal != *place.ordinal) return UnitFault::WrongOrdinal;
  if (unit.block_offset != place.block_offset) return UnitFault::NotAUnit;
  return UnitFault::None;
}

bool is_newer(Bytes block) noexcept {
  const auto head = block_head_at(block);
  return head && head->version > kVersion;
}

}  // namespace

std::string_view text_of(UnitFault fault) noexcept {
  switch (fault) {
    case UnitFault::None:
      break;
    case UnitFault::ShortFile:
      return "the file ends within a unit";
    case UnitFault::NotAUnit:
      return "no unit begins here";
    case UnitFault::NewerVersion:
      return "unit written by a newer weir";
    case UnitFault::WrongSegment:
      return "unit of another segment";
    case UnitFault::WrongOffset:
      return "unit of another place in the file";
    case UnitFault::WrongOrdinal:
      return "not the unit that follows";
    case UnitFault::BadCrc:
      return "bad checksum of a unit";
    case UnitFault::ReadFailed:
      return "cannot be read";
  }
  return "nothing wrong";
}

std::string UnitRead::text() const { return detail.empty() ? std::string(text_of(fault)) : detail; }

UnitRead read_unit(const RangeReader& file, const UnitPlace& place, Depth depth,
                   std::vector<std::uint8_t>& buffer) {
  if (buffer.size() < kUnitPrefixBytes) buffer.resize(kUnitPrefixBytes);
  const auto got =
      file.read_at(place.offset + place.block_offset, std::span(buffer).first(kUnitPrefixBytes));
  if (!got) return failed(got.error());
  if (*got < kUnitPrefixBytes) return failed(UnitFault::ShortFile);
  const Bytes prefix = Bytes(buffer).first(kUnitPrefixBytes);
  const auto found = unit_at(prefix);
  if (!found) return failed(is_newer(prefix) ? UnitFault::NewerVersion : UnitFault::NotAUnit);
  if (const UnitFault fault = fault_of(found->unit, place); fault != UnitFault::None) {
    return failed(fault);
  }
  const std::uint32_t bytes = found->unit.unit_bytes;
  if (depth == Depth::Header) {
    const auto size = file.size();
    if (!size) return failed(size.error());
    if (*size < place.offset || *size - place.offset < bytes) return failed(UnitFault::ShortFile);
    return {.unit = {.block = found->block, .header = found->unit, .bytes = prefix}};
  }
  if (buffer.size() < bytes) buffer.resize(bytes);
  const auto whole = file.read_at(place.offset, std::span(buffer).first(bytes));
  if (!whole) return failed(whole.error());
  if (*whole < bytes) return failed(UnitFault::ShortFile);
  const Bytes unit = Bytes(buffer).first(bytes);
  // The file may have changed between the two reads: what counts is what the CRC is over.
  const auto again = unit_at(unit.subspan(place.block_offset));
  if (!again || again->unit.unit_bytes != bytes || again->unit.crc != found->unit.crc ||
      fault_of(again->unit, place) != UnitFault::None) {
    return failed(UnitFault::BadCrc);
  }
  if (unit_crc(unit, place.block_offset) != again->unit.crc) return failed(UnitFault::BadCrc);
  const auto block = block_at(unit.subspan(place.block_offset));
  if (!block) return failed(UnitFault::NotAUnit);
  return {.unit = {.block = *block, .header = again->unit, .bytes = unit}};
}

std::optional<Unit> UnitWalk::next() {
  if (sealed_ || end_.fault != UnitFault::None) return std::nullopt;
  UnitRead read = read_unit(file_, next_, depth_, buffer_);
  if (read.fault == UnitFault::ShortFile) {
    const auto size = file_.size();
    if (size && *size == next_.offset) return std::nullopt;
  }
  if (read.fault != UnitFault::None) {
    end_ = std::move(read);
    return std::nullopt;
  }
  next_.offset = read.unit.end();
  next_.ordinal = read.unit.header.ordinal + 1;
  next_.block_offset = 0;
  sealed_ = read.unit.block.kind == Kind::Tail;
  return read.unit;
}

}  // namespace weir::storage::segment

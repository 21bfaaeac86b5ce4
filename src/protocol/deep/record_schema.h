// What each log is made of: one table a log, with the name, type, meaning and value of every field.
// Whatever writes records - JSON lines, columns, documentation - goes by these tables alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/packet_keys.h"
#include "base/time.h"
#include "protocol/deep/records.h"
#include "protocol/deep/uid.h"

namespace weir::protocol {

class CommunityIdHasher;

// The type of a column, by Zeek's names.
enum class FieldType : std::uint8_t {
  Time,
  Interval,
  Count,
  Double,
  Bool,
  Port,
  Address,
  String,
  Enum,
  StringSet,
  kCount,
};
std::string_view name_of(FieldType type) noexcept;  // "set[string]"

// No text of a record is longer, in bytes.
inline constexpr std::size_t kTextMax = 64;

struct Absent {};  // the record has no such field

struct Address {
  IpAddress ip;
  std::uint8_t ip_version = 4;
};

// One value of a record. Count and Port are numbers, String and Enum are texts or uids.
using Value = std::variant<Absent, Timestamp, Duration, std::uint64_t, double, bool, Address,
                           std::string_view, Uid, std::span<const Uid>>;

// What getters need besides the record. One a thread: it owns what a Value may point into.
struct RecordContext {
  const CommunityIdHasher* community_id = nullptr;  // nullptr: records go without
  std::array<char, kTextMax> scratch;               // text that stands nowhere else
};

struct Field {
  std::string_view name;  // as written: "id.orig_h"
  FieldType type;
  std::string_view meaning;  // a sentence
  std::string_view source;   // whose field it is: Zeek's log, weir, a standard
  // The record must be one of this field's log. The value is good until the record goes or the
  // context is used again.
  Value (*get)(const Record& record, RecordContext& context);
};

struct Schema {
  std::string_view log;  // "conn"
  std::string_view description;
  std::span<const Field> fields;
};

[[nodiscard]] const Schema& schema_of(LogId log) noexcept;

}  // namespace weir::protocol

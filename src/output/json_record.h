// One record as one JSON line: flat keys in the order of the schema, what is absent left out.
//
// Times and intervals are seconds with six decimals, or nine where they are not whole microseconds;
// addresses as RFC 5952 has them; sets are arrays; bytes that are not UTF-8 read \xNN. Nothing is
// allocated and no locale is asked.
#pragma once

#include <cstddef>
#include <span>

#include "protocol/deep/record_schema.h"

namespace weir::output {

// No line is longer, newline and all: json_record_test.cc adds it up for each schema.
inline constexpr std::size_t kJsonLineMax = 4608;

// Writes the line, with its newline, to the front of `out`, which has room for kJsonLineMax.
// Returns its bytes.
[[nodiscard]] std::size_t write_json_line(std::span<char> out, const protocol::Record& record,
                                          protocol::RecordContext& context);

}  // namespace weir::output

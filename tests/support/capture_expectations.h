// What other programs say about the captures of the data set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::test {

struct CaptureExpectation {
  std::string file;  // below data_set_dir()
  // By capinfos; for damaged files those before the damage; else by tcpdump.
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> packet_bytes;  // on the wire
  // Earliest and latest timestamp; absent where packets have none.
  std::optional<std::int64_t> first_ns;
  std::optional<std::int64_t> last_ns;
  bool damaged = false;   // has to end in an error
  bool may_fail = false;  // an error and the packets are both right
};

// All captures of the set: capinfos.json, filters.json (the count without an expression),
// manifest.json, truth.json.
std::vector<CaptureExpectation> load_capture_expectations();

}  // namespace weir::test

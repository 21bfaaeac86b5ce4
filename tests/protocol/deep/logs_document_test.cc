// docs/logs.md says what the tables of the logs say. After a change of a table, WEIR_UPDATE=1
// writes it anew:
//   WEIR_UPDATE=1 ctest --test-dir build/asan -R LogsDocument
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "protocol/deep/record_schema.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Logs

What the analysis tells, as one file of JSON lines a log. A log without a record has no file. This
page is generated from the tables that the logs are written by (`src/protocol/deep/record_schema.h`;
`tests/protocol/deep/logs_document_test.cc` says how).

A log of a live capture can be rotated (`weir capture --rotate-interval`, `logs.rotate` of a session
of `weir run`): at UTC multiples of the interval what was written becomes a finished log,
`conn.20261121T200000Z.log.zst`, named by the beginning of its interval, and the next record begins
a new `conn.log`. A record belongs to the interval in which it was written. It is renamed at once
and compressed in the background: whatever is cut off, each record is in one whole file, and the
next start compresses what is left. A second log of one interval, after a clock was set back, is
`conn.20261121T200000Z_00002.log.zst`. What an earlier run wrote in an earlier interval becomes a
finished log when the next one starts.

A log whose disk is full loses its records, counted by reason; a live capture goes on and tries the
log again every ten seconds.

Under pressure a session of a live capture may store less of each packet (cut-off of flows,
truncation): that changes no record, for the analysis sees the whole frame. Where it samples its
flows, a flow is in the logs as a whole or not at all, but for flows that went on when the sample
changed, later fragments, which have no ports and are sampled by their addresses, and tunnels, of
which the packets around what was left out are missing. A session that was shed has gaps in its
flows for that time. Where the flows in memory are fewer than before, those that were idle longest
end early, as `evicted`. Files are always analysed as a whole.

A line has its fields in the order below; what is absent is left out. Names, types and meanings are
Zeek's where the source says so.

| type | written as |
|---|---|
| time | a number: seconds since 1970 (UTC), with six decimals, or nine below a microsecond |
| interval | a number: seconds, with decimals as a time |
| count, port | a whole number |
| double | a number with a decimal point or an exponent |
| bool | `true` or `false` |
| addr | a string: dotted for IPv4, RFC 5952 for IPv6 |
| string, enum | a string; bytes that are not UTF-8 read `\xNN` |
| set[string] | an array of strings |
)";

void print_fields(std::ostream& out, const Schema& schema) {
  out << "\n| field | type | meaning | source |\n|---|---|---|---|\n";
  for (const Field& field : schema.fields) {
    out << "| `" << field.name << "` | " << name_of(field.type) << " | " << field.meaning << " | "
        << field.source << " |\n";
  }
}

std::string document() {
  std::ostringstream out;
  out << kIntroduction;
  const Schema& conn = schema_of(LogId::Conn);
  for (std::size_t log = 0; log < kLogCount; ++log) {
    const Schema& schema = schema_of(static_cast<LogId>(log));
    out << "\n## " << schema.log << ".log\n\n" << schema.description;
    if (schema.fields.data() == conn.fields.data() && schema.log != conn.log) {
      out << " Its fields are those of conn.log.\n";
    } else {
      out << "\n";
      print_fields(out, schema);
    }
  }
  return out.str();
}

TEST(LogsDocument, SaysWhatTheTablesSay) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  const std::string path = std::string(root) + "/docs/logs.md";
  if (std::getenv("WEIR_UPDATE") != nullptr) std::ofstream(path) << document();
  std::stringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), document()) << "WEIR_UPDATE=1 writes " << path << " anew";
}

}  // namespace
}  // namespace weir::protocol

// docs/configuration.md says what the schema says. After a change of the schema, WEIR_UPDATE=1
// writes it anew:
//   WEIR_UPDATE=1 ctest --test-dir build/asan -R ConfigDocument
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "control/config_reader.h"
#include "control/config_schema.h"
#include "control/config_schema_text.h"

namespace weir::control {
namespace {

constexpr std::string_view kExample = R"([[interface]]
name = "eth0"
workers = 2

[[session]]
name = "all"
[session.pcapng]
path = "/var/lib/weir/all.pcapng"
rotate = { size = "1GiB", interval = "1h", files = 48 }

[[session]]
name = "web"
interfaces = ["eth0"]
filter = "tcp"
rules_otherwise = "reject"
[session.logs]
path = "/var/log/weir/web"
[[session.rule]]
name = "backup"
net = ["10.0.8.0/24", "2001:db8:8::/48"]
action = "headers-only"
[[session.rule]]
port = [80, 443, "8000-8999"]
action = "truncate"
truncate = 256

[telemetry]
listen = "127.0.0.1:9478"
log_levels = { capture = "debug" }

[control]
viewer_group = "adm"
)";

constexpr std::string_view kIntroduction =
    R"(# Configuration

`weir run -c weir.toml` reads its configuration as TOML. This page is generated from the schema in
`src/control/config_schema.cc` (`tests/control_config/config_document_test.cc` says how);
`weir config schema` prints the same, with `--json` as JSON Schema for editors.

- `weir config check FILE` tells all problems at once, each with line and column. Unknown keys are
  errors.
- `weir config show FILE` prints the configuration whole, with every default.
- `weir config diff OLD NEW` says what changes, and what of it needs a restart.

)";

constexpr std::string_view kTypes = R"(
| type | is written as |
|---|---|
| size | a string: bytes, or with KiB, MiB, GiB, TiB (powers of 1024), kB, MB, GB, TB (of 1000) |
| time | a string: with ms, s, m, h or d; no finer than a millisecond |
| name | a string of 1 to 64 of `A-Z a-z 0-9 _ . -`, the first neither `.` nor `-` |
| path, or list of paths | one string, or a list of up to 16; `""` is none |
| networks | one string or a list: an address, or a network without bits beyond its prefix |
| MAC addresses | one string or a list: `"02:00:5e:00:53:01"`, or with `-` |
| numbers | one or a list of: a number, or a string with a range, both ends included |
| protocols | numbers, or strings with names |
| endpoints | one string or a list: `"0x"` and up to 16 hexadecimal digits |
| table of levels | a table: module = `"error"`, `"warning"`, `"info"` or `"debug"` |

A change of a *live* key takes effect at a reload, between two batches of packets. A change of a
*restart* key is accepted and waits for the next start of the engine; a reload says which ones do.
Interfaces and sessions are recognised by their names, rules by their place.

A text has at most 16 MiB, and all sessions together at most 65,536 rules.

A pipe whose reader is slow loses packets, unless it has a `spill` queue: what the reader does not
take waits in that directory, up to `spill_size`, and goes to it in the order of old. The directory
belongs to one process at a time, and to one session. What a process that was killed has left there
is told, counts against the size and is not deleted (`weir read DIR/*.pcapng` reads it). Nobody
waits for the reader when the engine ends, or when another `pcapng` or `store` key of the session
makes its outputs open anew: what is in the queue then is lost, with reason `closed`, and the stream
breaks off, perhaps within a packet; the next begins with a Section Header. A key that is not theirs
(a filter, a rule) leaves queue and stream as they are. The event `output_spilling` tells when a
queue is in use, full, or empty again.

A packet store may lie in several directories, best on a device each: `path = ["/disk1/packets",
"/disk2/packets"]`, or `--store` several times. Each is a whole store that can be taken away and
read alone; `weir store` takes one or several. Each worker fills one directory after the other, a
chunk (or a little more: batches stay together) at a time, and passes by those whose device is
busy, so that all of them are used as fast as they write. Packets of one moment lie in any of
them. `keep`, `keep_size` and `keep_free` hold for each directory, and so do `segment` and
`durability`. Each directory costs every worker up to 30 MiB of memory. Outputs have a row for
each directory (`--stats-json`, the API, `weir_output_*`), of which each balances; together they
were offered what was accepted. A directory that fails (full, taken away) is told once and takes
no more until the session is opened again; what it had not acknowledged is lost, and only when all
have failed does the output fail. `read` and `capture` end with exit status 1 then too.

`[security.sources]` says where packets may come from. A packet passes when every list lets it: a
list of what is allowed lets pass what it has, and everything when it is empty; a `deny_` list lets
pass what it has not. What a packet does not say no list has: with `vnis`, a packet outside of
every tunnel is refused, with `deny_vnis` it passes; with `nets`, a frame without an IP address
(but ARP has the sender's) is refused, and so is one whose address stands behind MPLS, PPPoE or LLC.
Interface, MAC and address are the outermost frame's, the VNI the innermost tunnel's. Refused
packets are offered to no session and count as `rejected{source}` of the capture; `weir ctl
security`, `weir_source_refused_packets_total` and the event `source_refused` (at most one in five
seconds for each of interface, MAC, address, VNI and endpoint) say what they were. Where the kernel
filters for the sessions, what none of them wants is left out before its source is looked at: it is
`rejected{kernel_filter}` as far as the kernel counts, and `weir ctl security` says so. A change
takes effect between two batches, and no accepted packet is lost by it.
)";

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

void print_section(std::ostream& out, const SectionDescription& section) {
  out << "\n## " << section.heading << "\n\n"
      << section.help
      << "\n\n| key | type | default | range | changes | meaning |\n|---|---|---|---|---|---|\n";
  for (const KeyDescription& key : section.keys) {
    const KeyInfo& info = *key.info;
    const bool required = info.type == KeyType::Name;
    out << "| `" << info.name << "` | " << type_text(info) << " | "
        << (required ? "" : "`" + toml_text(info, key.fallback) + "`") << " | " << range_text(info)
        << " | " << name_of(info.reload) << " | " << cell(std::string(info.help)) << " |\n";
  }
}

std::string document() {
  std::ostringstream out;
  out << kIntroduction << "```toml\n" << kExample << "```\n" << kTypes;
  for (const SectionDescription& section : describe_sections()) print_section(out, section);
  return out.str();
}

TEST(ConfigDocument, SaysWhatTheSchemaSays) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  const std::string path = std::string(root) + "/docs/configuration.md";
  if (std::getenv("WEIR_UPDATE") != nullptr) std::ofstream(path) << document();
  std::stringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), document()) << "WEIR_UPDATE=1 writes " << path << " anew";
}

TEST(ConfigDocument, ItsExampleIsGood) {
  const ReadOutcome outcome = read_config(kExample);
  EXPECT_TRUE(outcome.ok()) << error_of(outcome.problems).context;
}

}  // namespace
}  // namespace weir::control

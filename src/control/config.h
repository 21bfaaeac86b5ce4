// The configuration of an engine as values: what weir.toml says, with defaults where it is silent.
// config_schema.h has the keys, config_reader.h reads the text.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "filter/frame_filter.h"
#include "filter/rule_spec.h"
#include "interface/direction.h"
#include "security/destination_rules.h"
#include "security/source_rules.h"
#include "storage/segment/format.h"
#include "storage/segment/retention.h"
#include "storage/segment/segment_writer.h"
#include "storage/spill/spill_directory.h"
#include "telemetry/log_level.h"

namespace weir::control {

// [engine]
struct EngineConfig {
  std::string state_dir = "/var/lib/weir";
  std::string user;  // whom the engine becomes once its interfaces are open; empty: nobody else
  friend bool operator==(const EngineConfig&, const EngineConfig&) = default;
};

// [[interface]]
struct InterfaceConfig {
  std::string name;
  std::string mode = "auto";  // "auto", "afpacket"
  bool promiscuous = true;
  std::uint32_t snaplen = 262'144;
  interface::Direction direction = interface::Direction::InOut;
  std::uint32_t workers = 1;
  std::uint64_t ring_bytes = 64 * 1024 * 1024;  // of each worker
  friend bool operator==(const InterfaceConfig&, const InterfaceConfig&) = default;
};

// Of a session; what is reached first ends it. 0: no limit.
struct SessionLimit {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // on the wire
  Duration duration{};
  friend bool operator==(const SessionLimit&, const SessionLimit&) = default;
};

// [session.pcapng]: always files that exist only once (STEM_00001_20261121T200000Z.pcapng), or a
// pipe where the path is one.
struct PcapngConfig {
  std::string path;                                    // empty: none
  std::uint64_t rotate_bytes = 1024ull * 1024 * 1024;  // 0: never by size
  Duration rotate_interval = std::chrono::hours(1);    // 0: never by time
  std::uint64_t files_max = 0;                         // 0: none is deleted
  std::string spill;  // directory of a pipe's spill queue; empty: none
  std::uint64_t spill_bytes = storage::spill::kSpillBytesDefault;
  friend bool operator==(const PcapngConfig&, const PcapngConfig&) = default;
};

// [session.store]
struct StoreConfig {
  std::vector<std::string> paths;  // directories, each a store; empty: none
  std::uint64_t segment_bytes = storage::segment::kSegmentBytesMax;
  std::uint64_t chunk_bytes = storage::segment::kChunkBytesMax;
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  storage::segment::Codec compression = storage::segment::Codec::None;
  storage::segment::RetentionBounds keep;  // of each directory; 0: no bound
  friend bool operator==(const StoreConfig&, const StoreConfig&) = default;
};

// [session.logs]
struct LogsConfig {
  std::string path;                                  // a directory; empty: none
  Duration rotate_interval = std::chrono::hours(1);  // 0: never
  std::uint64_t files_max = 0;                       // finished logs of each; 0: none is deleted
  std::uint64_t flow_memory = 1024ull * 1024 * 1024;
  friend bool operator==(const LogsConfig&, const LogsConfig&) = default;
};

// [[session]]
struct SessionConfig {
  std::string name;
  std::vector<std::string> interfaces;         // empty: all
  std::string filter;                          // pcap-filter; empty: everything
  filter::Scope scope = filter::Scope::Frame;  // inner = true: Innermost
  std::uint32_t snaplen = 0;                   // 0: whole packets
  std::uint32_t priority = 100;                // under pressure the lowest does with less first
  bool paused = false;                         // begins paused
  SessionLimit limit;
  std::vector<filter::RuleSpec> rules;  // [[session.rule]]
  filter::RuleAction otherwise =
      filter::RuleAction::Accept;  // where no rule matches: Accept, Reject
  PcapngConfig pcapng;
  StoreConfig store;
  LogsConfig logs;
  friend bool operator==(const SessionConfig&, const SessionConfig&) = default;
};

// [pressure]. The steps of a ladder as pressure_ladder.h reads them, each with those before it.
struct PressureConfig {
  bool enabled = true;  // false: levels are told of, and nothing is done
  std::vector<std::string> cpu = {"truncate 128", "sample 1/2", "sample 1/8", "drop"};
  std::vector<std::string> output = {"cutoff 64KiB", "truncate 128", "sample 1/2", "sample 1/8",
                                     "drop"};
  std::vector<std::string> memory = {"flows 1/2", "sample 1/2", "sample 1/8", "drop"};
  // Percent of what there is at which levels begin.
  std::uint32_t elevated = 60;
  std::uint32_t high = 80;
  std::uint32_t critical = 95;
  Duration step_interval = std::chrono::milliseconds(250);
  Duration recover_after = std::chrono::seconds(10);
  friend bool operator==(const PressureConfig&, const PressureConfig&) = default;
};

// [telemetry]
struct TelemetryConfig {
  std::string log_format = "text";  // "text", "json"
  telemetry::LogLevel log_level = telemetry::LogLevel::Info;
  std::vector<std::pair<std::string, telemetry::LogLevel>> log_levels;  // by module
  std::string listen;  // "127.0.0.1:9478": Prometheus scrapes here; empty: on the socket only
  Duration sample_interval = std::chrono::seconds(10);
  Duration keep = std::chrono::hours(72);           // samples
  std::uint64_t keep_bytes = 256ull * 1024 * 1024;  // of the store of samples
  std::string report_url;                           // OTLP/HTTP; empty: nobody is told
  Duration report_interval = std::chrono::seconds(30);
  std::uint64_t report_buffer_bytes = 64ull * 1024 * 1024;  // while the receiver is away
  friend bool operator==(const TelemetryConfig&, const TelemetryConfig&) = default;
};

// [control]
struct ControlConfig {
  std::string socket = "/run/weir/weir.sock";
  // Groups of the system whose members may do what the name says; empty: none. Root and the user
  // that the engine runs as are admins.
  std::string viewer_group;
  std::string operator_group;
  std::string admin_group;
  std::uint32_t listeners_max = 32;  // event streams, tails and queries at a time
  std::uint32_t queries_max = 4;     // of these, queries
  friend bool operator==(const ControlConfig&, const ControlConfig&) = default;
};

// [security]
struct SecurityConfig {
  security::SourceRules sources;            // without `block`, which is a policy's
  std::string policy;                       // the signed document; empty: none
  std::string policy_key;                   // who may sign it
  security::DestinationRules destinations;  // [security.destinations]
  friend bool operator==(const SecurityConfig&, const SecurityConfig&) = default;
};

struct Config {
  EngineConfig engine;
  std::vector<InterfaceConfig> interfaces;
  std::vector<SessionConfig> sessions;
  SecurityConfig security;
  PressureConfig pressure;
  TelemetryConfig telemetry;
  ControlConfig control;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace weir::control

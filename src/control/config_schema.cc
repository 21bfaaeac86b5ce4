#include "control/config_schema.h"

#include <array>

namespace weir::control {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kTiB = 1024 * kGiB;
constexpr std::uint64_t kPiB = 1024 * kTiB;
constexpr std::uint64_t kSecond = 1000;  // times of the schema are in milliseconds
constexpr std::uint64_t kHour = 3600 * kSecond;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kYear = 365 * kDay;
constexpr std::uint64_t kCountMax = 9'223'372'036'854'775'807;  // what TOML's numbers hold
constexpr std::uint64_t kPathMax = 4095;
constexpr std::uint64_t kAccountMax = 32;
constexpr std::uint64_t kNameMax = 64;

constexpr std::array<std::string_view, 2> kModes = {"auto", "afpacket"};
constexpr std::array<std::string_view, 3> kDirections = {"inout", "in", "out"};
constexpr std::array<std::string_view, 5> kActions = {"accept", "reject", "truncate",
                                                      "headers-only", "cutoff"};
constexpr std::span<const std::string_view> kOtherwise = std::span(kActions).first(2);
constexpr std::array<std::string_view, 3> kDurabilities = {"none", "chunk", "segment"};
constexpr std::array<std::string_view, 2> kCodecs = {"none", "zstd"};
constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};
constexpr std::array<std::string_view, 4> kLevels = {"error", "warning", "info", "debug"};

// Fields as values and back. The names of an enum stand in the order of the enum.
template <typename Enum, std::size_t kCount>
KeyValue name_in(const std::array<std::string_view, kCount>& names, Enum value) {
  return std::string(names[static_cast<std::size_t>(value)]);
}
template <typename Enum, std::size_t kCount>
void find_in(const std::array<std::string_view, kCount>& names, const KeyValue& name, Enum& out) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == std::get<std::string>(name)) out = static_cast<Enum>(i);
  }
}

KeyValue to_value(bool field) { return field; }
KeyValue to_value(std::uint32_t field) { return std::uint64_t{field}; }
KeyValue to_value(std::uint64_t field) { return field; }
KeyValue to_value(Duration field) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(field).count());
}
KeyValue to_value(const std::string& field) { return field; }
KeyValue to_value(const std::vector<std::string>& field) { return field; }
KeyValue to_value(const std::vector<filter::NumberRange>& field) { return field; }
KeyValue to_value(const std::vector<std::uint64_t>& field) { return field; }
KeyValue to_value(const ModuleLevels& field) { return field; }
KeyValue to_value(filter::Scope field) { return field == filter::Scope::Innermost; }
KeyValue to_value(interface::Direction field) { return name_in(kDirections, field); }
KeyValue to_value(filter::RuleAction field) { return name_in(kActions, field); }
KeyValue to_value(telemetry::LogLevel field) { return name_in(kLevels, field); }

KeyValue to_value(storage::segment::Durability field) { return name_in(kDurabilities, field); }
KeyValue to_value(storage::segment::Codec field) { return name_in(kCodecs, field); }

template <typename Field>
void from_value(const KeyValue& value, Field& field) {
  field = std::get<Field>(value);
}
void from_value(const KeyValue& value, std::uint32_t& field) {
  field = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
}
void from_value(const KeyValue& value, Duration& field) {
  field = std::chrono::milliseconds(std::get<std::uint64_t>(value));
}
void from_value(const KeyValue& value, filter::Scope& field) {
  field = std::get<bool>(value) ? filter::Scope::Innermost : filter::Scope::Frame;
}
void from_value(const KeyValue& value, interface::Direction& field) {
  find_in(kDirections, value, field);
}
void from_value(const KeyValue& value, filter::RuleAction& field) {
  find_in(kActions, value, field);
}
void from_value(const KeyValue& value, telemetry::LogLevel& field) {
  find_in(kLevels, value, field);
}

void from_value(const KeyValue& value, storage::segment::Durability& field) {
  find_in(kDurabilities, value, field);
}
void from_value(const KeyValue& value, storage::segment::Codec& field) {
  find_in(kCodecs, value, field);
}

template <typename Section, auto... kMembers>
KeyValue get_field(const Section& section) {
  return to_value((section.*....*kMembers));
}
template <typename Section, auto... kMembers>
void set_field(Section& section, const KeyValue& value) {
  from_value(value, (section.*....*kMembers));
}
// A key of the field that the members lead to.
template <typename Section, auto... kMembers>
constexpr Key<Section> key(KeyInfo info) {
  return {info, &get_field<Section, kMembers...>, &set_field<Section, kMembers...>};
}

using enum KeyType;
constexpr auto kRestart = Reload::Restart;

constexpr std::array kEngineKeys = {
    key<EngineConfig, &EngineConfig::state_dir>(
        {.name = "state_dir",
         .type = String,
         .max = kPathMax,
         .reload = kRestart,
         .help = "directory of what the engine remembers: journal, generations, samples"}),
    key<EngineConfig, &EngineConfig::user>(
        {.name = "user",
         .type = String,
         .max = kAccountMax,
         .reload = kRestart,
         .help = "become this user once the interfaces are open; empty: stay who started it"}),
};

constexpr std::array kInterfaceKeys = {
    key<InterfaceConfig, &InterfaceConfig::name>({.name = "name",
                                                  .type = Name,
                                                  .max = kNameMax,
                                                  .reload = kRestart,
                                                  .help = "as `ip link` shows it; required"}),
    key<InterfaceConfig, &InterfaceConfig::mode>({.name = "mode",
                                                  .type = Choice,
                                                  .choices = kModes,
                                                  .reload = kRestart,
                                                  .help = "how packets are taken from the kernel"}),
    key<InterfaceConfig, &InterfaceConfig::promiscuous>(
        {.name = "promiscuous",
         .type = Bool,
         .reload = kRestart,
         .help = "take also what is addressed to others"}),
    key<InterfaceConfig, &InterfaceConfig::snaplen>(
        {.name = "snaplen",
         .type = Integer,
         .min = 1,
         .max = kPacketBytesMax,
         .reload = kRestart,
         .help = "bytes of each packet that reach the engine"}),
    key<InterfaceConfig, &InterfaceConfig::direction>(
        {.name = "direction",
         .type = Choice,
         .choices = kDirections,
         .reload = kRestart,
         .help = "packets that the host receives, sends, or both"}),
    key<InterfaceConfig, &InterfaceConfig::workers>(
        {.name = "workers",
         .type = Integer,
         .min = 1,
         .max = kWorkersMax,
         .reload = kRestart,
         .help = "threads; both directions of a flow reach the same one"}),
    key<InterfaceConfig, &InterfaceConfig::ring_bytes>(
        {.name = "ring",
         .type = Size,
         .min = 2 * kMiB,
         .max = 16 * kGiB,
         .reload = kRestart,
         .help = "memory of each worker for packets that wait in the kernel"}),
};

constexpr std::array kSessionKeys = {
    key<SessionConfig, &SessionConfig::name>({.name = "name",
                                              .type = Name,
                                              .max = kNameMax,
                                              .help = "by which it is steered; required"}),
    key<SessionConfig, &SessionConfig::interfaces>(
        {.name = "interfaces",
         .type = Names,
         .max = kNameMax,
         .help = "names of [[interface]]; none: all of them"}),
    key<SessionConfig, &SessionConfig::filter>(
        {.name = "filter",
         .type = String,
         .max = 65'536,
         .help = "pcap-filter expression; empty: every packet"}),
    key<SessionConfig, &SessionConfig::scope>(
        {.name = "inner",
         .type = Bool,
         .help = "apply the expression to the innermost frame of a tunnel, not to the outer one"}),
    key<SessionConfig, &SessionConfig::snaplen>({.name = "snaplen",
                                                 .type = Integer,
                                                 .max = kPacketBytesMax,
                                                 .help = "bytes to store of each packet; 0: all"}),
    key<SessionConfig, &SessionConfig::priority>(
        {.name = "priority",
         .type = Integer,
         .max = 1000,
         .help = "under pressure the session with the lowest does with less first ([pressure])"}),
    key<SessionConfig, &SessionConfig::paused>(
        {.name = "paused", .type = Bool, .help = "takes no packets until it is resumed"}),
    key<SessionConfig, &SessionConfig::limit, &SessionLimit::packets>(
        {.name = "limit.packets",
         .type = Integer,
         .max = kCountMax,
         .help = "it ends after this many accepted packets; 0: never"}),
    key<SessionConfig, &SessionConfig::limit, &SessionLimit::bytes>(
        {.name = "limit.bytes",
         .type = Size,
         .max = 1024 * kTiB,
         .help = "it ends after accepted packets of this size on the wire; 0: never"}),
    key<SessionConfig, &SessionConfig::limit, &SessionLimit::duration>(
        {.name = "limit.duration",
         .type = Time,
         .max = 10 * kYear,
         .help = "it ends after this time; 0s: never"}),
    key<SessionConfig, &SessionConfig::otherwise>(
        {.name = "rules_otherwise",
         .type = Choice,
         .choices = kOtherwise,
         .help = "what happens to a packet that none of the session's rules matches"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::path>(
        {.name = "pcapng.path",
         .type = String,
         .max = kPathMax,
         .help = "where files STEM_00001_20261121T200000Z.pcapng go, or a pipe; empty: no files"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::rotate_bytes>(
        {.name = "pcapng.rotate.size",
         .type = Size,
         .min = kMiB,
         .max = kTiB,
         .zero = true,
         .help = "a new file before this size is passed; 0: never by size"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::rotate_interval>(
        {.name = "pcapng.rotate.interval",
         .type = Time,
         .min = kSecond,
         .max = kYear,
         .zero = true,
         .help = "a new file at each multiple of this time in UTC; 0s: never by time"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::files_max>(
        {.name = "pcapng.rotate.files",
         .type = Integer,
         .max = 1'000'000'000,
         .help = "keep only this many files, those of earlier runs too; 0: all"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::spill>(
        {.name = "pcapng.spill",
         .type = String,
         .max = kPathMax,
         .help = "directory where packets wait for the reader of a pipe that is slow; empty: they "
                 "are lost"}),
    key<SessionConfig, &SessionConfig::pcapng, &PcapngConfig::spill_bytes>(
        {.name = "pcapng.spill_size",
         .type = Size,
         .min = storage::spill::kSpillBytesMin,
         .max = kPiB,
         .help = "so much of the disk they take at most; what then finds no room is lost"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::paths>(
        {.name = "store.path",
         .type = Paths,
         .max = kPathMax,
         .help = "directory of a packet store: indexed segments; of several, each takes packets as "
                 "fast as its device writes; empty: none"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::segment_bytes>(
        {.name = "store.segment",
         .type = Size,
         .min = kMiB,
         .max = kGiB,
         .help = "size of a segment, the file by which a store grows and shrinks"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::chunk_bytes>(
        {.name = "store.chunk",
         .type = Size,
         .min = 4 * kKiB,
         .max = kMiB,
         .help = "the most that is written, and later read, at a time"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::durability>(
        {.name = "store.durability",
         .type = Choice,
         .choices = kDurabilities,
         .help =
             "when packets count as written: chunk: when they are on the disk; segment: when the "
             "kernel has them, and whole segments are put on the disk; none: nothing is"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::compression>(
        {.name = "store.compression",
         .type = Choice,
         .choices = kCodecs,
         .help = "zstd: smaller chunks, which only weir opens"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::keep,
        &storage::segment::RetentionBounds::age_max>(
        {.name = "store.keep",
         .type = Time,
         .min = kSecond,
         .max = 10 * kYear,
         .zero = true,
         .help = "segments that were sealed longer ago are deleted; 0s: none for its age"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::keep,
        &storage::segment::RetentionBounds::bytes_max>(
        {.name = "store.keep_size",
         .type = Size,
         .min = kMiB,
         .max = kPiB,
         .zero = true,
         .help = "the oldest segments are deleted when the store (each directory) takes more; 0: "
                 "none"}),
    key<SessionConfig, &SessionConfig::store, &StoreConfig::keep,
        &storage::segment::RetentionBounds::free_bytes_min>(
        {.name = "store.keep_free",
         .type = Size,
         .min = kMiB,
         .max = kPiB,
         .zero = true,
         .help = "likewise when its file system has less than this left; 0: none"}),
    key<SessionConfig, &SessionConfig::logs, &LogsConfig::path>(
        {.name = "logs.path",
         .type = String,
         .max = kPathMax,
         .help = "directory of conn.log and other records; empty: no analysis"}),
    key<SessionConfig, &SessionConfig::logs, &LogsConfig::rotate_interval>(
        {.name = "logs.rotate.interval",
         .type = Time,
         .min = kSecond,
         .max = kYear,
         .zero = true,
         .reload = kRestart,
         .help = "at each multiple of this time in UTC logs become finished ones, "
                 "conn.20261121T200000Z.log.zst; 0s: never"}),
    key<SessionConfig, &SessionConfig::logs, &LogsConfig::files_max>(
        {.name = "logs.rotate.files",
         .type = Integer,
         .max = 1'000'000'000,
         .reload = kRestart,
         .help = "keep only this many finished ones of each log; 0: all"}),
    key<SessionConfig, &SessionConfig::logs, &LogsConfig::flow_memory>(
        {.name = "logs.flow_memory",
         .type = Size,
         .min = kMiB,
         .max = kTiB,
         .reload = kRestart,
         .help = "end flows early rather than use more than this for them"}),
};

constexpr std::array kRuleKeys = {
    key<filter::RuleSpec, &filter::RuleSpec::name>(
        {.name = "name", .type = String, .max = kNameMax, .help = "empty: rule-N, counted from 1"}),
    key<filter::RuleSpec, &filter::RuleSpec::expression>(
        {.name = "filter",
         .type = String,
         .max = 65'536,
         .help = "pcap-filter expression, in the place of the conditions below"}),
    key<filter::RuleSpec, &filter::RuleSpec::nets>(
        {.name = "net",
         .type = Nets,
         .help = "either address is in one of these: 10.0.0.0/8, 2001:db8::1"}),
    key<filter::RuleSpec, &filter::RuleSpec::source_nets>(
        {.name = "source_net", .type = Nets, .help = "the source address is in one of these"}),
    key<filter::RuleSpec, &filter::RuleSpec::destination_nets>(
        {.name = "destination_net",
         .type = Nets,
         .help = "the destination address is in one of these"}),
    key<filter::RuleSpec, &filter::RuleSpec::ports>(
        {.name = "port",
         .type = Numbers,
         .max = 65'535,
         .help = "either port, of TCP, UDP and SCTP, is one of these: 80, \"1024-65535\""}),
    key<filter::RuleSpec, &filter::RuleSpec::source_ports>(
        {.name = "source_port",
         .type = Numbers,
         .max = 65'535,
         .help = "the source port is one of these"}),
    key<filter::RuleSpec, &filter::RuleSpec::destination_ports>(
        {.name = "destination_port",
         .type = Numbers,
         .max = 65'535,
         .help = "the destination port is one of these"}),
    key<filter::RuleSpec, &filter::RuleSpec::protocols>(
        {.name = "protocol",
         .type = Protocols,
         .max = 255,
         .help = "IP protocol: tcp, udp, icmp, icmp6, sctp, gre, esp, ..., or its number"}),
    key<filter::RuleSpec, &filter::RuleSpec::vlans>(
        {.name = "vlan", .type = Numbers, .max = 4095, .help = "outermost VLAN tag"}),
    key<filter::RuleSpec, &filter::RuleSpec::vnis>(
        {.name = "vni",
         .type = Numbers,
         .max = 16'777'215,
         .help = "network identifier of VXLAN or Geneve"}),
    key<filter::RuleSpec, &filter::RuleSpec::gwlb_endpoints>(
        {.name = "gwlb_endpoint",
         .type = Endpoints,
         .help = "endpoint of an AWS Gateway Load Balancer, in hexadecimal"}),
    key<filter::RuleSpec, &filter::RuleSpec::action>(
        {.name = "action",
         .type = Choice,
         .choices = kActions,
         .help = "of the first rule that matches; truncate, headers-only and cutoff accept, and "
                 "store less"}),
    key<filter::RuleSpec, &filter::RuleSpec::keep_bytes>(
        {.name = "truncate",
         .type = Integer,
         .min = 1,
         .max = kPacketBytesMax,
         .zero = true,
         .help = "bytes to store, for action = \"truncate\""}),
    key<filter::RuleSpec, &filter::RuleSpec::cutoff_bytes>(
        {.name = "cutoff",
         .type = Size,
         .min = 1,
         .max = 2 * kGiB,
         .zero = true,
         .help = "for action = \"cutoff\": of each flow, packets are stored whole until it has "
                 "had so many bytes behind its headers, and of those after them the headers"}),
};

constexpr std::array kTelemetryKeys = {
    key<TelemetryConfig, &TelemetryConfig::log_format>({.name = "log_format",
                                                        .type = Choice,
                                                        .choices = kFormats,
                                                        .reload = kRestart,
                                                        .help = "of the engine's own log"}),
    key<TelemetryConfig, &TelemetryConfig::log_level>(
        {.name = "log_level", .type = Choice, .choices = kLevels, .help = "what it tells of"}),
    key<TelemetryConfig, &TelemetryConfig::log_levels>(
        {.name = "log_levels",
         .type = Levels,
         .choices = kLevels,
         .help = "modules with a level of their own: {capture = \"debug\"}"}),
    key<TelemetryConfig, &TelemetryConfig::listen>(
        {.name = "listen",
         .type = String,
         .max = 64,
         .reload = kRestart,
         .help = "where Prometheus scrapes, a loopback address like 127.0.0.1:9478; empty: on the "
                 "control socket only"}),
    key<TelemetryConfig, &TelemetryConfig::sample_interval>(
        {.name = "sample_interval",
         .type = Time,
         .min = kSecond,
         .max = kHour,
         .help = "between samples of all metrics, for `weir ctl history`"}),
    key<TelemetryConfig, &TelemetryConfig::keep>({.name = "keep",
                                                  .type = Time,
                                                  .min = kHour,
                                                  .max = kYear,
                                                  .reload = kRestart,
                                                  .help = "age at which samples are deleted"}),
    key<TelemetryConfig, &TelemetryConfig::keep_bytes>(
        {.name = "keep_size",
         .type = Size,
         .min = kMiB,
         .max = kTiB,
         .reload = kRestart,
         .help = "size of all samples beyond which the oldest are deleted"}),
    key<TelemetryConfig, &TelemetryConfig::report_url>(
        {.name = "report_url",
         .type = String,
         .max = 2048,
         .reload = kRestart,
         .help = "where metrics are reported to (OTLP over HTTP, JSON); empty: nowhere"}),
    key<TelemetryConfig, &TelemetryConfig::report_interval>({.name = "report_interval",
                                                             .type = Time,
                                                             .min = kSecond,
                                                             .max = kDay,
                                                             .help = "between reports"}),
    key<TelemetryConfig, &TelemetryConfig::report_buffer_bytes>(
        {.name = "report_buffer",
         .type = Size,
         .min = kMiB,
         .max = kTiB,
         .reload = kRestart,
         .help = "reports kept on disk while their receiver is away"}),
};

constexpr std::array kControlKeys = {
    key<ControlConfig, &ControlConfig::socket>({.name = "socket",
                                                .type = String,
                                                .max = 107,
                                                .reload = kRestart,
                                                .help = "Unix socket on which the engine is "
                                                        "steered"}),
    key<ControlConfig, &ControlConfig::viewer_group>(
        {.name = "viewer_group",
         .type = String,
         .max = kAccountMax,
         .help = "group of the system whose members may look; empty: none"}),
    key<ControlConfig, &ControlConfig::operator_group>(
        {.name = "operator_group",
         .type = String,
         .max = kAccountMax,
         .help = "group whose members may steer sessions, too; empty: none"}),
    key<ControlConfig, &ControlConfig::admin_group>(
        {.name = "admin_group",
         .type = String,
         .max = kAccountMax,
         .help = "group whose members may do everything; empty: only root and the engine's user"}),
    key<ControlConfig, &ControlConfig::listeners_max>(
        {.name = "listeners_max",
         .type = Integer,
         .min = 1,
         .max = 1024,
         .reload = kRestart,
         .help = "event streams, tails and queries at a time"}),
    key<ControlConfig, &ControlConfig::queries_max>(
        {.name = "queries_max",
         .type = Integer,
         .min = 1,
         .max = 64,
         .reload = kRestart,
         .help = "queries at a time; each takes up to 64 MiB of memory and two threads"}),
};

template <typename Section>
std::vector<KeyDescription> describe(std::string_view path) {
  const Section fallback;
  std::vector<KeyDescription> keys;
  for (const Key<Section>& one : keys_of<Section>()) {
    keys.push_back({.path = std::string(path) + "." + std::string(one.name),
                    .info = &one,
                    .fallback = one.get(fallback)});
  }
  return keys;
}

template <typename Section>
SectionDescription section(std::string_view path, std::string_view heading, std::string_view help) {
  return {.path = path, .heading = heading, .help = help, .keys = describe<Section>(path)};
}

}  // namespace

template <>
std::span<const Key<EngineConfig>> keys_of<EngineConfig>() noexcept {
  return kEngineKeys;
}
template <>
std::span<const Key<InterfaceConfig>> keys_of<InterfaceConfig>() noexcept {
  return kInterfaceKeys;
}
template <>
std::span<const Key<SessionConfig>> keys_of<SessionConfig>() noexcept {
  return kSessionKeys;
}
template <>
std::span<const Key<filter::RuleSpec>> keys_of<filter::RuleSpec>() noexcept {
  return kRuleKeys;
}
template <>
std::span<const Key<TelemetryConfig>> keys_of<TelemetryConfig>() noexcept {
  return kTelemetryKeys;
}
template <>
std::span<const Key<ControlConfig>> keys_of<ControlConfig>() noexcept {
  return kControlKeys;
}

std::vector<SectionDescription> describe_sections() {
  return {
      section<EngineConfig>("engine", "[engine]", "The engine as a whole."),
      section<InterfaceConfig>(
          "interface[]", "[[interface]]",
          "An interface to capture on, at most 64. One that comes or goes waits for a restart."),
      section<SessionConfig>(
          "session[]", "[[session]]",
          "What to capture, and where to; at most 64. Sessions come and go while "
          "the engine runs."),
      section<filter::RuleSpec>(
          "session[].rule[]", "[[session.rule]]",
          "What to do with some of the packets that the session's filter accepts: the first rule "
          "that matches decides, at most 16,384. A rule has an expression, or conditions, which "
          "must all hold, or neither: then it matches every packet. Conditions look at the "
          "innermost addresses, ports and protocol. For cutoff a flow is both directions of these "
          "in "
          "their tenant; it begins anew with a TCP SYN and when it was silent for five minutes, "
          "and "
          "each worker remembers 65,536 of them."),
      section<SecurityConfig>(
          "security", "[security]",
          "Where packets may come from and go to, and who decides it.\n\n"
          "`sources`: before a session is offered a packet, every list must let "
          "it: one of what is allowed when it is empty or has what the packet says, one of what is "
          "refused (`deny_`) when it has not. Refused packets count as `rejected{source}`.\n\n"
          "`destinations`: what a session writes must be of one of the kinds, and below one of the "
          "directories (docs/destinations.md). A policy document has the same lists, and both must "
          "allow (docs/security.md)."),
      section<PressureConfig>(
          "pressure", "[pressure]",
          "What sessions do with less of when something becomes short. Steps of a ladder: cutoff "
          "SIZE (of each flow the first so many bytes, then headers), truncate BYTES (of each "
          "packet), flows 1/N (of those that the analysis may hold; others end early), sample 1/N "
          "(of "
          "the flows, with all their packets), drop (everything); bytes in multiples of 64. Each "
          "step is taken with those before it."),
      section<TelemetryConfig>("telemetry", "[telemetry]", "What the engine tells of itself."),
      section<ControlConfig>("control", "[control]", "Who may steer the engine."),
  };
}

}  // namespace weir::control

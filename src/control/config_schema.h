// The keys of weir.toml, declared once: the reader, the writer, the comparison, the checks,
// `weir config schema` and docs/configuration.md all follow these tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "control/config.h"

namespace weir::control {

enum class KeyType : std::uint8_t {
  String,     // at most `max` bytes
  Name,       // see is_name()
  Bool,       //
  Integer,    // `min` to `max`
  Size,       // "64MiB"; in bytes, `min` to `max`; 0 is "0"
  Time,       // "1h"; in milliseconds, `min` to `max`; 0 is "0s"
  Choice,     // one of `choices`
  Names,      // a list
  Paths,      // each at most `max` bytes, none empty; "" (none), one, or a list
  Nets,       // "10.0.0.0/8"; one, or a list
  Macs,       // "02:00:5e:00:53:01"; one, or a list
  Numbers,    // 80, "1024-65535", each 0 to `max`; one, or a list
  Protocols,  // Numbers of which some have names: "tcp"
  Endpoints,  // "0x0123456789abcdef"; one, or a list
  Steps,      // a list of steps of a ladder: "sample 1/2" (pressure_ladder.h)
  Levels,     // a table: module = "debug"
};

// Whether a new value takes effect at once, or waits for the next start of the engine.
enum class Reload : std::uint8_t { Live, Restart };
std::string_view name_of(Reload reload) noexcept;  // "live", "restart"

using ModuleLevels = std::vector<std::pair<std::string, telemetry::LogLevel>>;

// A value of a key, whatever its field: by type Bool; Integer, Size (bytes) and Time
// (milliseconds); String, Name and Choice; Names, Paths, Nets, Macs and Steps; Numbers and
// Protocols; Endpoints; Levels.
using KeyValue =
    std::variant<bool, std::uint64_t, std::string, std::vector<std::string>,
                 std::vector<filter::NumberRange>, std::vector<std::uint64_t>, ModuleLevels>;

struct KeyInfo {
  std::string_view name;  // within its section: "pcapng.rotate.size"
  KeyType type{};
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  bool zero = false;  // 0 is allowed though `min` is more: it switches something off
  std::span<const std::string_view> choices;
  Reload reload = Reload::Live;
  std::string_view help;
};

template <typename Section>
struct Key : KeyInfo {
  KeyValue (*get)(const Section& section) = nullptr;
  // `value` has been checked by check_value().
  void (*set)(Section& section, const KeyValue& value) = nullptr;
};

// Section is EngineConfig, InterfaceConfig, SessionConfig, filter::RuleSpec, SecurityConfig,
// PressureConfig,
// TelemetryConfig or ControlConfig. The default of a key is what a default-constructed section
// holds.
template <typename Section>
std::span<const Key<Section>> keys_of() noexcept;
template <>
std::span<const Key<EngineConfig>> keys_of<EngineConfig>() noexcept;
template <>
std::span<const Key<InterfaceConfig>> keys_of<InterfaceConfig>() noexcept;
template <>
std::span<const Key<SessionConfig>> keys_of<SessionConfig>() noexcept;
template <>
std::span<const Key<filter::RuleSpec>> keys_of<filter::RuleSpec>() noexcept;
template <>
std::span<const Key<SecurityConfig>> keys_of<SecurityConfig>() noexcept;
template <>
std::span<const Key<PressureConfig>> keys_of<PressureConfig>() noexcept;
template <>
std::span<const Key<TelemetryConfig>> keys_of<TelemetryConfig>() noexcept;
template <>
std::span<const Key<ControlConfig>> keys_of<ControlConfig>() noexcept;
template <>
std::span<const Key<SecurityConfig>> keys_of<SecurityConfig>() noexcept;

// Whether an [[interface]], a [[session]] or a rule may come and go without a restart.
inline constexpr Reload kInterfacesReload = Reload::Restart;
inline constexpr Reload kSessionsReload = Reload::Live;
inline constexpr Reload kRulesReload = Reload::Live;

// How many there may be.
inline constexpr std::size_t kInterfacesMax = 64;
inline constexpr std::size_t kSessionsMax = 64;
inline constexpr std::size_t kRulesMax = 16'384;       // of a session
inline constexpr std::size_t kRulesOfAllMax = 65'536;  // of all sessions
inline constexpr std::size_t kPathsMax = 16;
inline constexpr std::size_t kListMax = 4'096;    // entries of one list of a rule
inline constexpr std::uint32_t kWorkersMax = 64;  // of all interfaces

// [A-Za-z0-9_.-], 1 to 64, the first a letter, a digit or '_'.
bool is_name(std::string_view text) noexcept;

// How many a value of a list type may have.
std::size_t entries_max(KeyType type) noexcept;

// What is wrong with a value, or nothing.
std::string check_value(const KeyInfo& info, const KeyValue& value);

// As it stands in weir.toml: `"64MiB"`, `[80, "1024-65535"]`.
std::string toml_text(const KeyInfo& info, const KeyValue& value);
// The same as JSON.
void write_json(JsonWriter& json, const KeyInfo& info, const KeyValue& value);

// "80", "1024-65535"; for a protocol with a name its name.
std::string number_text(KeyType type, filter::NumberRange range);

// Numbers of IP protocols with a name, as rules take them.
struct ProtocolName {
  std::string_view name;
  std::uint32_t number = 0;
};
std::span<const ProtocolName> protocol_names() noexcept;

// A row for people and documents.
struct KeyDescription {
  std::string path;  // "session[].pcapng.rotate.size"
  const KeyInfo* info = nullptr;
  KeyValue fallback;  // the default
};
struct SectionDescription {
  std::string_view path;     // "session[].rule[]"
  std::string_view heading;  // "[[session.rule]]"
  std::string_view help;
  std::vector<KeyDescription> keys;
};
std::vector<SectionDescription> describe_sections();

}  // namespace weir::control

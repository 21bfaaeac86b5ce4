// The keys of [pressure].
#include <array>

#include "control/config_schema.h"

namespace weir::control {
namespace {

template <auto kMember>
KeyValue get(const PressureConfig& pressure) {
  using Field = std::remove_cvref_t<decltype(pressure.*kMember)>;
  if constexpr (std::is_same_v<Field, Duration>) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(pressure.*kMember).count());
  } else if constexpr (std::is_same_v<Field, std::uint32_t>) {
    return std::uint64_t{pressure.*kMember};
  } else {
    return pressure.*kMember;
  }
}

template <auto kMember>
void set(PressureConfig& pressure, const KeyValue& value) {
  using Field = std::remove_cvref_t<decltype(pressure.*kMember)>;
  if constexpr (std::is_same_v<Field, Duration>) {
    pressure.*kMember = std::chrono::milliseconds(std::get<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<Field, std::uint32_t>) {
    pressure.*kMember = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
  } else {
    pressure.*kMember = std::get<Field>(value);
  }
}

template <auto kMember>
constexpr Key<PressureConfig> key(KeyInfo info) {
  return {info, &get<kMember>, &set<kMember>};
}

using enum KeyType;
using Config = PressureConfig;

constexpr std::array kPressureKeys = {
    key<&Config::enabled>({.name = "enabled",
                           .type = Bool,
                           .help = "false: levels are told of, and nothing is done"}),
    key<&Config::output>({.name = "output",
                          .type = Steps,
                          .help = "for a pipe, disk or store: what sessions that write to it do"}),
    key<&Config::cpu>({.name = "cpu",
                       .type = Steps,
                       .help = "when the rings of the kernel fill up, and no disk is the cause"}),
    key<&Config::memory>({.name = "memory",
                          .type = Steps,
                          .help = "when the engine's cgroup comes near to what it may have"}),
    key<&Config::elevated>({.name = "elevated",
                            .type = Integer,
                            .min = 1,
                            .max = 98,
                            .help = "percent taken at which it is told; no step is taken back"}),
    key<&Config::high>({.name = "high",
                        .type = Integer,
                        .min = 2,
                        .max = 99,
                        .help = "percent at which a step is taken, and each interval another"}),
    key<&Config::critical>({.name = "critical",
                            .type = Integer,
                            .min = 3,
                            .max = 100,
                            .help = "percent at which two steps are taken at a time"}),
    key<&Config::step_interval>({.name = "step_interval",
                                 .type = Time,
                                 .min = 20,
                                 .max = 60'000,
                                 .help = "for so long it is seen what a step has brought"}),
    key<&Config::recover_after>(
        {.name = "recover_after",
         .type = Time,
         .min = 100,
         .max = 3'600'000,
         .help = "when there has been enough for so long, a step is taken back; longer, up to 32 "
                 "times, where that brought the pressure back"}),
};

}  // namespace

template <>
std::span<const Key<PressureConfig>> keys_of<PressureConfig>() noexcept {
  return kPressureKeys;
}

}  // namespace weir::control

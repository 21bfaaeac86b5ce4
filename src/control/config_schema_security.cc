// The keys of [security].
#include <array>

#include "control/config_schema.h"

namespace weir::control {
namespace {

constexpr std::uint64_t kPathMax = 4095;

template <auto kMember>
constexpr Key<SecurityConfig> path_key(std::string_view name, std::string_view help) {
  return {{.name = name,
           .type = KeyType::String,
           .max = kPathMax,
           .reload = Reload::Restart,
           .help = help},
          [](const SecurityConfig& section) -> KeyValue { return section.*kMember; },
          [](SecurityConfig& section, const KeyValue& value) {
            section.*kMember = std::get<std::string>(value);
          }};
}

constexpr std::array kSecurityKeys = {
    path_key<&SecurityConfig::policy>(
        "policy",
        "the policy document, with its signature beside it in FILE.sig (docs/security.md); the "
        "engine does not start without it, and a reload reads it again; empty: there is none"),
    path_key<&SecurityConfig::policy_key>(
        "policy_key", "Ed25519 public key of who signs it, as PEM; read when the engine starts"),
};

}  // namespace

template <>
std::span<const Key<SecurityConfig>> keys_of<SecurityConfig>() noexcept {
  return kSecurityKeys;
}

}  // namespace weir::control

// The keys of [security].
#include <array>

#include "control/config_schema.h"

namespace weir::control {
namespace {

constexpr std::uint64_t kNameMax = 64;
constexpr std::uint64_t kPathMax = 4095;

KeyValue to_value(const std::vector<std::string>& field) { return field; }
KeyValue to_value(const std::vector<std::uint64_t>& field) { return field; }
KeyValue to_value(const std::vector<security::VniRange>& field) {
  std::vector<filter::NumberRange> ranges;
  for (const security::VniRange& range : field) ranges.push_back({range.first, range.last});
  return ranges;
}

template <typename Field>
void from_value(const KeyValue& value, Field& field) {
  field = std::get<Field>(value);
}
void from_value(const KeyValue& value, std::vector<security::VniRange>& field) {
  field.clear();
  for (const auto& range : std::get<std::vector<filter::NumberRange>>(value)) {
    field.push_back({range.first, range.last});
  }
}

template <auto kMember>
constexpr Key<SecurityConfig> source_key(KeyInfo info) {
  return {info, [](const SecurityConfig& config) { return to_value(config.sources.*kMember); },
          [](SecurityConfig& config, const KeyValue& value) {
            from_value(value, config.sources.*kMember);
          }};
}

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

using Destinations = security::DestinationRules;

template <std::vector<std::string> Destinations::*kList>
KeyValue get_list(const SecurityConfig& section) {
  return section.destinations.*kList;
}
template <std::vector<std::string> Destinations::*kList>
void set_list(SecurityConfig& section, const KeyValue& value) {
  section.destinations.*kList = std::get<std::vector<std::string>>(value);
}

using enum KeyType;
using security::SourceRules;

constexpr std::array kSecurityKeys = {
    path_key<&SecurityConfig::policy>(
        "policy",
        "the policy document, with its signature beside it in FILE.sig (docs/security.md); the "
        "engine does not start without it, and a reload reads it again; empty: there is none"),
    path_key<&SecurityConfig::policy_key>(
        "policy_key", "Ed25519 public key of who signs it, as PEM; read when the engine starts"),
    source_key<&SourceRules::interfaces>({.name = "sources.interfaces",
                                          .type = Names,
                                          .max = kNameMax,
                                          .help = "names of [[interface]] that packets may come "
                                                  "from; none: all of them"}),
    source_key<&SourceRules::macs>(
        {.name = "sources.macs",
         .type = Macs,
         .help = "source MAC addresses of the outermost frame that may be; none: all"}),
    source_key<&SourceRules::nets>(
        {.name = "sources.nets",
         .type = Nets,
         .help = "outermost source addresses that may be, of ARP the sender's; none: all, and also "
                 "packets without one"}),
    source_key<&SourceRules::vnis>(
        {.name = "sources.vnis",
         .type = Numbers,
         .max = security::kVniMax,
         .help = "VNIs that may be, of the innermost VXLAN or GENEVE header; none: all, and also "
                 "packets without one"}),
    source_key<&SourceRules::gwlb_endpoints>(
        {.name = "sources.gwlb_endpoints",
         .type = Endpoints,
         .help = "GWLB endpoints that may be; none: all, and also packets without one"}),
    source_key<&SourceRules::deny_macs>(
        {.name = "sources.deny_macs", .type = Macs, .help = "source MAC addresses to refuse"}),
    source_key<&SourceRules::deny_nets>({.name = "sources.deny_nets",
                                         .type = Nets,
                                         .help = "outermost source addresses to refuse"}),
    source_key<&SourceRules::deny_vnis>({.name = "sources.deny_vnis",
                                         .type = Numbers,
                                         .max = security::kVniMax,
                                         .help = "VNIs to refuse"}),
    Key<SecurityConfig>{
        {.name = "destinations.kinds",
         .type = KeyType::Names,
         .max = 64,
         .help = "where packets may go: pcapng, pipe, store, logs, tail, query; empty: to all"},
        &get_list<&Destinations::kinds>,
        &set_list<&Destinations::kinds>},
    Key<SecurityConfig>{
        {.name = "destinations.directories",
         .type = KeyType::Paths,
         .max = kPathMax,
         .help = "outputs lie in or below these, and symbolic links are not followed there; "
                 "empty: anywhere"},
        &get_list<&Destinations::directories>,
        &set_list<&Destinations::directories>},
};

}  // namespace

template <>
std::span<const Key<SecurityConfig>> keys_of<SecurityConfig>() noexcept {
  return kSecurityKeys;
}

}  // namespace weir::control

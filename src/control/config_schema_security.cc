// The keys of [security].
#include <array>

#include "control/config_schema.h"

namespace weir::control {
namespace {

constexpr std::uint64_t kPathMax = 4095;

using Destinations = security::DestinationRules;

template <std::vector<std::string> Destinations::*kList>
KeyValue get_list(const SecurityConfig& section) {
  return section.destinations.*kList;
}
template <std::vector<std::string> Destinations::*kList>
void set_list(SecurityConfig& section, const KeyValue& value) {
  section.destinations.*kList = std::get<std::vector<std::string>>(value);
}

constexpr std::array<Key<SecurityConfig>, 2> kSecurityKeys = {
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

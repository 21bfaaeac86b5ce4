#include "filter/rule_classifier.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kNoPort = 0x1'0000;
constexpr std::uint32_t kNoProtocol = 0x100;

std::uint32_t address_4(const IpAddress& address) noexcept {
  return load_be32(address.bytes.data() + 12);  // mapped: the last four bytes
}
Uint128 address_6(const IpAddress& address) noexcept {
  return static_cast<Uint128>(load_be64(address.bytes.data())) << 64 |
         load_be64(address.bytes.data() + 8);
}

bool has_ports(const Headers& headers, const PacketKeys& keys) noexcept {
  constexpr std::uint8_t kTcp = 6;
  constexpr std::uint8_t kUdp = 17;
  constexpr std::uint8_t kSctp = 132;
  const bool of_a_kind =
      keys.ip_protocol == kTcp || keys.ip_protocol == kUdp || keys.ip_protocol == kSctp;
  // A header that is cut behind its ports has no offset.
  return keys.ip_version != 0 && of_a_kind &&
         (headers.transport_offset != kNoOffset || keys.source_port != 0 ||
          keys.destination_port != 0);
}

bool is_address(Condition condition) noexcept { return condition <= Condition::DestinationNets; }

}  // namespace

// The keys of the packets of a call, each kind together, and the rows where they were found. What
// a packet does not have is a number that no interval of a rule contains.
struct RuleClassifier::Scratch {
  template <typename T>
  using PerPacket = std::array<T, kBatchPacketsMax>;

  const KeysArray& keys;
  std::span<const std::uint8_t> which;
  // Of the packets at_4[i] and at_6[i] of `which`.
  std::size_t count_4;
  std::size_t count_6;
  PerPacket<std::uint8_t> at_4;
  PerPacket<std::uint8_t> at_6;
  PerPacket<std::uint32_t> source_4;
  PerPacket<std::uint32_t> destination_4;
  PerPacket<Uint128> source_6;
  PerPacket<Uint128> destination_6;
  // Of all.
  PerPacket<std::uint32_t> source_port;
  PerPacket<std::uint32_t> destination_port;
  PerPacket<std::uint32_t> protocol;
  PerPacket<std::uint32_t> vlan;
  PerPacket<std::uint32_t> vni;
  PerPacket<std::uint64_t> endpoint;
  std::array<PerPacket<std::uint32_t>, kLookupsMax> rows;     // by lookup
  std::array<PerPacket<std::uint64_t>, kRowMapMax> word_map;  // words that all tables let through

  Scratch(const HeadersArray& headers, const KeysArray& all_keys,
          std::span<const std::uint8_t> packets) noexcept;

  [[nodiscard]] std::size_t count() const noexcept { return which.size(); }
  [[nodiscard]] const std::uint32_t* numbers(Condition condition, bool destination) const noexcept;
};

// Not all arrays are filled to their end: nothing reads further.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
RuleClassifier::Scratch::Scratch(const HeadersArray& headers, const KeysArray& all_keys,
                                 std::span<const std::uint8_t> packets) noexcept
    : keys(all_keys), which(packets), count_4(0), count_6(0) {
  for (std::size_t k = 0; k < count(); ++k) {
    const PacketKeys& key = keys[which[k]];
    const bool ports = has_ports(headers[which[k]], key);
    source_port[k] = ports ? key.source_port : kNoPort;
    destination_port[k] = ports ? key.destination_port : kNoPort;
    protocol[k] = key.ip_version != 0 ? key.ip_protocol : kNoProtocol;
    vlan[k] = key.tenant.vlan;
    vni[k] = key.tenant.vni;
    endpoint[k] = key.tenant.gwlb_endpoint;
    if (key.ip_version == 4) {
      at_4[count_4] = static_cast<std::uint8_t>(k);
      source_4[count_4] = address_4(key.source);
      destination_4[count_4++] = address_4(key.destination);
    } else if (key.ip_version == 6) {
      at_6[count_6] = static_cast<std::uint8_t>(k);
      source_6[count_6] = address_6(key.source);
      destination_6[count_6++] = address_6(key.destination);
    }
  }
}

// The end counts for conditions of either end only.
const std::uint32_t* RuleClassifier::Scratch::numbers(Condition condition,
                                                      bool destination) const noexcept {
  switch (condition) {
    case Condition::Ports:
      return (destination ? destination_port : source_port).data();
    case Condition::SourcePorts:
      return source_port.data();
    case Condition::DestinationPorts:
      return destination_port.data();
    case Condition::Protocols:
      return protocol.data();
    case Condition::Vlans:
      return vlan.data();
    default:
      return vni.data();
  }
}

void RuleClassifier::find_rows(const Layer& layer, Condition condition, bool destination,
                               const Scratch& scratch, std::uint32_t* rows) const noexcept {
  // Addresses of one version, of packets `at`.
  const auto find_addresses = [&](const auto& index, const auto* addresses, const std::uint8_t* at,
                                  std::size_t count) {
    if (index.empty()) return;
    std::array<std::uint32_t, kBatchPacketsMax> found;  // NOLINT(*-member-init)
    index.find({addresses, count}, found.data());
    for (std::size_t i = 0; i < count; ++i) rows[at[i]] = found[i];
  };
  if (is_address(condition)) {
    if (scratch.count_4 + scratch.count_6 < scratch.count() || layer.numbers.empty() ||
        layer.addresses_6.empty()) {
      std::fill_n(rows, scratch.count(), RuleRows::kEmpty);
    }
    find_addresses(layer.numbers, (destination ? scratch.destination_4 : scratch.source_4).data(),
                   scratch.at_4.data(), scratch.count_4);
    find_addresses(layer.addresses_6,
                   (destination ? scratch.destination_6 : scratch.source_6).data(),
                   scratch.at_6.data(), scratch.count_6);
  } else if (condition == Condition::GwlbEndpoints) {
    layer.endpoints.find({scratch.endpoint.data(), scratch.count()}, rows);
  } else {
    layer.numbers.find({scratch.numbers(condition, destination), scratch.count()}, rows);
  }
}

bool RuleClassifier::holds_alone(std::uint16_t rule, const Scratch& scratch,
                                 std::size_t k) const noexcept {
  const PacketKeys& keys = scratch.keys[scratch.which[k]];
  const auto contains = [](const CheckedValue& value, Uint128 key) {
    return value.first <= key && key <= value.last;
  };
  const auto address_holds = [&](const CheckedValue& value, const IpAddress& address) {
    if (keys.ip_version != (value.address_6 ? 6 : 4)) return false;
    return contains(value, value.address_6 ? address_6(address) : address_4(address));
  };
  const auto holds = [&](const CheckedValue& value) {
    switch (value.condition) {
      case Condition::Nets:
        return address_holds(value, keys.source) || address_holds(value, keys.destination);
      case Condition::SourceNets:
        return address_holds(value, keys.source);
      case Condition::DestinationNets:
        return address_holds(value, keys.destination);
      case Condition::Ports:
        return contains(value, scratch.source_port[k]) ||
               contains(value, scratch.destination_port[k]);
      case Condition::GwlbEndpoints:
        return contains(value, scratch.endpoint[k]);
      default:
        return contains(value, scratch.numbers(value.condition, false)[k]);
    }
  };
  const auto check =
      std::lower_bound(checks_.begin(), checks_.end(), rule,
                       [](const Check& c, std::uint16_t number) { return c.rule < number; });
  // All conditions, of each one value.
  for (std::uint32_t at = check->begin; at < check->end;) {
    const Condition condition = checked_values_[at].condition;
    bool any = false;
    for (; at < check->end && checked_values_[at].condition == condition; ++at) {
      any = any || holds(checked_values_[at]);
    }
    if (!any) return false;
  }
  return true;
}

// Looks up all packets, and takes from their maps what this table does not let through.
void RuleClassifier::find_words(const Table& table, Scratch& scratch) const noexcept {
  const bool two_ends = table.condition == Condition::Nets || table.condition == Condition::Ports;
  std::uint32_t lookup = table.first_lookup;
  for (const Layer& layer : table.layers) {
    if (layer.empty()) continue;
    const bool destination = table.condition == Condition::DestinationNets;
    find_rows(layer, table.condition, destination, scratch, scratch.rows[lookup++].data());
    if (two_ends) find_rows(layer, table.condition, true, scratch, scratch.rows[lookup++].data());
  }
  for (std::uint32_t part = 0; part < rows_.map_words; ++part) {
    std::array<std::uint64_t, kBatchPacketsMax> let_through;  // NOLINT(*-member-init)
    std::fill_n(let_through.begin(), scratch.count(), table.not_given_map[part]);
    for (lookup = table.first_lookup; lookup < table.last_lookup; ++lookup) {
      const std::uint32_t* rows = scratch.rows[lookup].data();
      for (std::size_t k = 0; k < scratch.count(); ++k) {
        let_through[k] |= rows_.map(rows[k], part);
      }
    }
    for (std::size_t k = 0; k < scratch.count(); ++k) scratch.word_map[part][k] &= let_through[k];
  }
}

std::uint16_t RuleClassifier::first_rule(const Scratch& scratch, std::size_t k) const noexcept {
  std::uint16_t first = kNone;
  for (std::uint32_t part = 0; part < rows_.map_words; ++part) {
    for (std::uint64_t words = scratch.word_map[part][k]; words != 0; words &= words - 1) {
      const std::uint32_t word = part * 64 + static_cast<std::uint32_t>(std::countr_zero(words));
      if (rule_of_[word * 64] >= first) return first;  // and so are all behind it
      std::uint64_t rules = used_[word];
      for (const Table& table : tables_) {
        std::uint64_t let_through = table.not_given[word];
        for (std::uint32_t l = table.first_lookup; l < table.last_lookup; ++l) {
          let_through |= rows_.word(scratch.rows[l][k], word);
        }
        rules &= let_through;
        if (rules == 0) break;
      }
      for (; rules != 0; rules &= rules - 1) {
        const std::uint32_t bit = word * 64 + static_cast<std::uint32_t>(std::countr_zero(rules));
        if (rule_of_[bit] >= first) break;
        if ((checked_bits_[word] & rules & (0 - rules)) == 0 ||
            holds_alone(rule_of_[bit], scratch, k)) {
          first = rule_of_[bit];
          break;
        }
      }
    }
  }
  return first;
}

void RuleClassifier::classify(const HeadersArray& headers, const KeysArray& keys,
                              std::span<const std::uint8_t> which,
                              std::uint16_t* first) const noexcept {
  if (rule_of_.empty()) {
    std::fill_n(first, which.size(), kNone);
    return;
  }
  Scratch scratch(headers, keys, which);
  std::size_t words = used_.size();
  for (std::uint32_t part = 0; part < rows_.map_words; ++part) {
    const std::size_t in_part = std::min<std::size_t>(64, words);
    std::fill_n(scratch.word_map[part].begin(), which.size(), ~std::uint64_t{0} >> (64 - in_part));
    words -= in_part;
  }
  for (const Table& table : tables_) find_words(table, scratch);
  for (std::size_t k = 0; k < which.size(); ++k) first[k] = first_rule(scratch, k);
}

}  // namespace weir::filter

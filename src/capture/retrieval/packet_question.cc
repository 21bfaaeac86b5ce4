#include "capture/retrieval/packet_question.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "protocol/deep/community_id.h"
#include "protocol/deep/flow_identity.h"
#include "protocol/headers/parse_batch.h"

namespace weir::capture::retrieval {
namespace {

bool has_vlan(const Packet& packet, const Headers& headers, std::uint16_t vlan) noexcept {
  return std::any_of(headers.layers.begin(), headers.layers.begin() + headers.layer_count,
                     [&](const Layer& layer) {
                       return layer.type == LayerType::Vlan &&
                              (load_be16(packet.data + layer.offset) & 0x0fff) == vlan;
                     });
}

bool has_vni(const Packet& packet, const Headers& headers, std::uint32_t vni) noexcept {
  return std::any_of(headers.layers.begin(), headers.layers.begin() + headers.layer_count,
                     [&](const Layer& layer) {
                       return (layer.type == LayerType::Vxlan || layer.type == LayerType::Geneve) &&
                              load_be24(packet.data + layer.offset + 4) == vni;
                     });
}

}  // namespace

std::optional<KeyQuestion> community_id_question(std::string_view text) {
  constexpr std::string_view kVersion = "1:";
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kCharacters = 28;  // of 20 bytes; the last is '='
  constexpr std::size_t kKeyDigits = 7;    // 42 bits, of which the key has 40
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  if (text.size() != kCharacters || text.back() != '=' ||
      text.find_first_not_of(kDigits) != kCharacters - 1) {
    return std::nullopt;
  }
  std::uint64_t start = 0;
  for (const char c : text.substr(0, kKeyDigits)) start = start << 6 | kDigits.find(c);
  const storage::segment::IndexKey key{.low = start >> 2};
  return KeyQuestion{.column = storage::segment::Column::CommunityId, .ranges = {{key, key}}};
}

std::vector<KeyQuestion> tenant_questions(const TenantConditions& tenant) {
  using storage::segment::TenantClass;
  std::vector<KeyQuestion> questions;
  const auto ask = [&questions](TenantClass which, std::uint64_t value) {
    const storage::segment::IndexKey key{.low = storage::segment::tenant_key(which, value)};
    questions.push_back({.column = storage::segment::Column::Tenants, .ranges = {{key, key}}});
  };
  if (tenant.vlan) ask(TenantClass::Vlan, *tenant.vlan);
  if (tenant.vni) ask(TenantClass::Vni, *tenant.vni);
  if (tenant.gwlb_endpoint) ask(TenantClass::GwlbEndpoint, *tenant.gwlb_endpoint);
  return questions;
}

PacketQuestion::PacketQuestion(std::string expression, filter::Scope scope,
                               PacketConditions conditions)
    : expression_(std::move(expression)), scope_(scope), conditions_(std::move(conditions)) {
  const auto added = filters_.add(0, expression_, scope_);
  WEIR_ASSERT(added.ok());
}

Result<void> PacketQuestion::prepare(LinkType link_type) {
  auto compiled = filters_.prepare(link_type);
  links_.push_back({.type = link_type, .refused = !compiled.ok()});
  return compiled;
}

bool PacketQuestion::prepared(LinkType link_type) const noexcept {
  return std::ranges::find(links_, link_type, &Link::type) != links_.end();
}

bool PacketQuestion::refused(LinkType link_type) const noexcept {
  const auto found = std::ranges::find(links_, link_type, &Link::type);
  return found != links_.end() && found->refused;
}

std::unique_ptr<PacketQuestion> PacketQuestion::clone() const {
  auto other = std::make_unique<PacketQuestion>(expression_, scope_, conditions_);
  other->filters_ = filters_.clone();
  other->links_ = links_;
  return other;
}

void PacketQuestion::judge(Scratch& scratch) const noexcept {
  if (scope_ == filter::Scope::Innermost || !conditions_.empty()) {
    protocol::parse_batch(scratch.batch, scratch.headers, scratch.keys);
  }
  filters_.evaluate(scratch.batch, scratch.headers, scratch.verdicts);
  if (conditions_.empty()) return;
  for (std::uint32_t i = 0; i < scratch.batch.count; ++i) {
    SessionMask& verdict = scratch.verdicts.wanted[i];
    if (verdict != 0 && !meets_conditions(scratch, i)) verdict = 0;
  }
}

bool PacketQuestion::meets_conditions(const Scratch& scratch, std::uint32_t index) const noexcept {
  const PacketKeys& keys = scratch.keys[index];
  if (!conditions_.community_id.empty()) {
    // As the index has it: of every packet with an IP header.
    if (keys.ip_version == 0) return false;
    const auto id = protocol::CommunityIdHasher().text({.originator = keys.source,
                                                        .responder = keys.destination,
                                                        .originator_port = keys.source_port,
                                                        .responder_port = keys.destination_port,
                                                        .ip_protocol = keys.ip_protocol,
                                                        .ip_version = keys.ip_version});
    if (id.view() != conditions_.community_id) return false;
  }
  const Packet& packet = scratch.batch.packets[index];
  const Headers& headers = scratch.headers[index];
  const TenantConditions& tenant = conditions_.tenant;
  if (tenant.vlan && !has_vlan(packet, headers, *tenant.vlan)) return false;
  if (tenant.vni && !has_vni(packet, headers, *tenant.vni)) return false;
  if (tenant.gwlb_endpoint && keys.tenant.gwlb_endpoint != *tenant.gwlb_endpoint) return false;
  if (!conditions_.of_named_flows) return true;
  const protocol::FlowIdentities found(packet, headers, keys);
  return std::ranges::any_of(found.all(), [&](std::uint64_t identity) {
    return std::ranges::binary_search(scratch.flows, identity);
  });
}

}  // namespace weir::capture::retrieval

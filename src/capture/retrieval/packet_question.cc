#include "capture/retrieval/packet_question.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "protocol/deep/community_id.h"
#include "protocol/headers/parse_batch.h"

namespace weir::capture::retrieval {

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

PacketQuestion::PacketQuestion(std::string expression, filter::Scope scope,
                               std::string community_id)
    : expression_(std::move(expression)), scope_(scope), community_id_(std::move(community_id)) {
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
  auto other = std::make_unique<PacketQuestion>(expression_, scope_, community_id_);
  other->filters_ = filters_.clone();
  other->links_ = links_;
  return other;
}

void PacketQuestion::judge(Scratch& scratch) const noexcept {
  if (scope_ == filter::Scope::Innermost || !community_id_.empty()) {
    protocol::parse_batch(scratch.batch, scratch.headers, scratch.keys);
  }
  filters_.evaluate(scratch.batch, scratch.headers, scratch.verdicts);
  if (community_id_.empty()) return;
  const protocol::CommunityIdHasher hasher;
  for (std::uint32_t i = 0; i < scratch.batch.count; ++i) {
    SessionMask& verdict = scratch.verdicts.wanted[i];
    const PacketKeys& keys = scratch.keys[i];
    if (verdict == 0) continue;
    // As the index has it: of every packet with an IP header.
    if (keys.ip_version == 0 || hasher.text({.originator = keys.source,
                                             .responder = keys.destination,
                                             .originator_port = keys.source_port,
                                             .responder_port = keys.destination_port,
                                             .ip_protocol = keys.ip_protocol,
                                             .ip_version = keys.ip_version})
                                        .view() != community_id_) {
      verdict = 0;
    }
  }
}

}  // namespace weir::capture::retrieval

#include "filter/link_programs.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "filter/pcap_compiler.h"
#include "filter/refusal_text.h"

namespace weir::filter {
namespace {

constexpr LinkType kEnc{109};  // OpenBSD IPsec encapsulation

bool has_family_in_host_order(LinkType link_type) {
  return link_type == LinkType::Null || link_type == kEnc;
}

// Families are small numbers: of a little-endian one the last two bytes are zero, of a big-endian
// one the first two.
bool family_is_big_endian(Bytes frame) noexcept {
  return frame.size() >= 4 && frame[0] == 0 && frame[1] == 0;
}

Result<Program> build(const std::string& expression, LinkType link_type, FamilyOrder order) {
  const auto compiled = compile(expression, link_type, order);
  if (const auto* refusal = std::get_if<Refusal>(&compiled)) {
    return Error{.code = ErrorCode::BadFilter,
                 .context = refusal_text(expression, link_type, refusal->message)};
  }
  return Program::create(std::get<CbpfProgram>(compiled));
}

}  // namespace

LinkPrograms::LinkPrograms(std::string expression, Scope scope)
    : expression_(std::move(expression)), scope_(scope) {}

bool LinkPrograms::run(const Entry& entry, Bytes frame, std::uint32_t wire_bytes) noexcept {
  const bool swap = entry.swapped.has_value() && family_is_big_endian(frame);
  return (swap ? *entry.swapped : entry.program).run(frame, wire_bytes) != 0;
}

const LinkPrograms::Entry* LinkPrograms::find(LinkType link_type) const noexcept {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.link_type == link_type; });
  return found == entries_.end() ? nullptr : &*found;
}

Result<void> LinkPrograms::add(LinkType link_type) {
  if (find(link_type) != nullptr) return ok();
  WEIR_TRY(Program program, build(expression_, link_type, FamilyOrder::Host));
  Entry entry{.link_type = link_type, .program = std::move(program), .swapped = std::nullopt};
  if (has_family_in_host_order(link_type)) {
    WEIR_TRY(entry.swapped, build(expression_, link_type, FamilyOrder::Swapped));
  }
  entries_.push_back(std::move(entry));
  return ok();
}

Result<void> LinkPrograms::prepare(LinkType link_type) {
  WEIR_CHECK(add(link_type));
  if (scope_ == Scope::Innermost) {
    for (const LinkType carried : {LinkType::Ethernet, LinkType::Raw}) {
      (void)add(carried).ok();  // refused: no program, no packet of it passes
    }
  }
  return ok();
}

bool LinkPrograms::matches_innermost(const Packet& packet, const Headers& headers) const noexcept {
  const std::uint32_t offset = headers.inner_frame_offset;
  const bool tunnelled = offset != 0 && offset <= packet.captured_bytes;
  const Entry* entry = find(tunnelled ? headers.inner_link_type : packet.link_type);
  WEIR_ASSERT(entry != nullptr ||
              tunnelled);  // prepare() has been called for the packet's own link type
  if (entry == nullptr) return false;
  const std::uint32_t skip = tunnelled ? offset : 0;
  const std::uint32_t wire_bytes = packet.wire_bytes > skip ? packet.wire_bytes - skip : 0;
  return run(*entry, packet.frame().subspan(skip), wire_bytes);
}

bool LinkPrograms::matches(const Packet& packet, const Headers& headers) const noexcept {
  if (scope_ == Scope::Innermost) return matches_innermost(packet, headers);
  const Entry* entry = find(packet.link_type);
  WEIR_ASSERT(entry != nullptr);  // prepare() has been called for it
  return run(*entry, packet.frame(), packet.wire_bytes);
}

// Of whole frames, keeps the last program at hand: nearly every batch has one link type.
std::uint32_t LinkPrograms::add_sessions(const PacketBatch& batch, const HeadersArray& headers,
                                         SessionMask sessions, Verdicts& verdicts) const noexcept {
  std::uint32_t matched = 0;
  const auto note = [&](std::uint32_t i, bool match) {
    verdicts.wanted[i] |= match ? sessions : 0;
    matched += match ? 1 : 0;
  };
  if (scope_ == Scope::Innermost) {
    for (std::uint32_t i = 0; i < batch.count; ++i) {
      note(i, matches_innermost(batch.packets[i], headers[i]));
    }
    return matched;
  }
  const Entry* entry = nullptr;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const Packet& packet = batch.packets[i];
    if (entry == nullptr || entry->link_type != packet.link_type) {
      entry = find(packet.link_type);
      WEIR_ASSERT(entry != nullptr);  // prepare() has been called for it
    }
    note(i, run(*entry, packet.frame(), packet.wire_bytes));
  }
  return matched;
}

}  // namespace weir::filter

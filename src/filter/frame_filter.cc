#include "filter/frame_filter.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "filter/refusal_text.h"

namespace weir::filter {
namespace {

// The expression for one link type.
struct Entry {
  LinkType link_type{};
  Program program;
  // For link types whose address family is in the byte order of the machine that captured: the same
  // for the other order. A frame shows its order itself, so files of both kinds can be mixed.
  std::optional<Program> swapped;
};

constexpr LinkType kEnc{109};  // OpenBSD IPsec encapsulation

bool has_family_in_host_order(LinkType link_type) {
  return link_type == LinkType::Null || link_type == kEnc;
}

// Families are small numbers: of a little-endian one the last two bytes are zero, of a big-endian
// one the first two.
bool family_is_big_endian(Bytes frame) noexcept {
  return frame.size() >= 4 && frame[0] == 0 && frame[1] == 0;
}

bool matches(const Entry& entry, Bytes frame, std::uint32_t wire_bytes) noexcept {
  const bool swap = entry.swapped.has_value() && family_is_big_endian(frame);
  return (swap ? *entry.swapped : entry.program).run(frame, wire_bytes) != 0;
}

}  // namespace

struct FrameFilter::Programs {
  std::string expression;
  Scope scope;
  std::vector<Entry> entries;  // a handful; none for what libpcap refuses

  [[nodiscard]] const Entry* find(LinkType link_type) const noexcept {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
      return entry.link_type == link_type;
    });
    return found == entries.end() ? nullptr : &*found;
  }

  // Compiles for `link_type` unless that has been done; the refusal where libpcap refuses.
  Result<void> add(LinkType link_type);

  std::uint32_t evaluate_frames(const PacketBatch& batch, SessionMask session,
                                Verdicts& verdicts) const noexcept;
  std::uint32_t evaluate_innermost(const PacketBatch& batch, const HeadersArray& headers,
                                   SessionMask session, Verdicts& verdicts) const noexcept;
};

namespace {

Result<Program> build(const std::string& expression, LinkType link_type, FamilyOrder order) {
  const auto compiled = compile(expression, link_type, order);
  if (const auto* refusal = std::get_if<Refusal>(&compiled)) {
    return Error{.code = ErrorCode::BadFilter,
                 .context = refusal_text(expression, link_type, refusal->message)};
  }
  return Program::create(std::get<CbpfProgram>(compiled));
}

void set_verdict(SessionMask& wanted, SessionMask session, bool accepted) noexcept {
  wanted = (wanted & ~session) | (accepted ? session : 0);
}

}  // namespace

Result<void> FrameFilter::Programs::add(LinkType link_type) {
  if (find(link_type) != nullptr) return ok();
  WEIR_TRY(Program program, build(expression, link_type, FamilyOrder::Host));
  Entry entry{.link_type = link_type, .program = std::move(program), .swapped = std::nullopt};
  if (has_family_in_host_order(link_type)) {
    WEIR_TRY(entry.swapped, build(expression, link_type, FamilyOrder::Swapped));
  }
  entries.push_back(std::move(entry));
  return ok();
}

// Keeps the last program at hand: nearly every batch has one link type.
std::uint32_t FrameFilter::Programs::evaluate_frames(const PacketBatch& batch, SessionMask session,
                                                     Verdicts& verdicts) const noexcept {
  std::uint32_t accepted = 0;
  const Entry* entry = nullptr;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const Packet& packet = batch.packets[i];
    if (entry == nullptr || entry->link_type != packet.link_type) {
      entry = find(packet.link_type);
      WEIR_ASSERT(entry != nullptr);  // prepare() has been called for it
    }
    const bool match = matches(*entry, packet.frame(), packet.wire_bytes);
    set_verdict(verdicts.wanted[i], session, match);
    accepted += match ? 1 : 0;
  }
  return accepted;
}

std::uint32_t FrameFilter::Programs::evaluate_innermost(const PacketBatch& batch,
                                                        const HeadersArray& headers,
                                                        SessionMask session,
                                                        Verdicts& verdicts) const noexcept {
  std::uint32_t accepted = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const Packet& packet = batch.packets[i];
    const std::uint32_t offset = headers[i].inner_frame_offset;
    const bool tunnelled = offset != 0 && offset <= packet.captured_bytes;
    const Entry* entry = find(tunnelled ? headers[i].inner_link_type : packet.link_type);
    WEIR_ASSERT(entry != nullptr ||
                tunnelled);  // prepare() has been called for the packet's own link type
    bool match = false;
    if (entry != nullptr) {
      const std::uint32_t skip = tunnelled ? offset : 0;
      const std::uint32_t wire_bytes = packet.wire_bytes > skip ? packet.wire_bytes - skip : 0;
      match = matches(*entry, packet.frame().subspan(skip), wire_bytes);
    }
    set_verdict(verdicts.wanted[i], session, match);
    accepted += match ? 1 : 0;
  }
  return accepted;
}

FrameFilter::FrameFilter(std::string expression, Scope scope)
    : programs_(std::make_unique<Programs>(Programs{std::move(expression), scope, {}})) {}
FrameFilter::FrameFilter(std::unique_ptr<Programs> programs) noexcept
    : programs_(std::move(programs)) {}
FrameFilter FrameFilter::clone() const {
  return FrameFilter(std::make_unique<Programs>(*programs_));
}
FrameFilter::~FrameFilter() = default;
FrameFilter::FrameFilter(FrameFilter&&) noexcept = default;
FrameFilter& FrameFilter::operator=(FrameFilter&&) noexcept = default;

Result<void> FrameFilter::prepare(LinkType link_type) {
  if (programs_->expression.empty()) return ok();
  WEIR_CHECK(programs_->add(link_type));
  if (programs_->scope == Scope::Innermost) {
    for (const LinkType carried : {LinkType::Ethernet, LinkType::Raw}) {
      (void)programs_->add(carried).ok();  // refused: no program, no packet of it passes
    }
  }
  return ok();
}

std::uint32_t FrameFilter::evaluate(const PacketBatch& batch, const HeadersArray& headers,
                                    SessionMask session, Verdicts& verdicts) const noexcept {
  if (programs_->expression.empty()) {
    for (std::uint32_t i = 0; i < batch.count; ++i) verdicts.wanted[i] |= session;
    return batch.count;
  }
  return programs_->scope == Scope::Frame
             ? programs_->evaluate_frames(batch, session, verdicts)
             : programs_->evaluate_innermost(batch, headers, session, verdicts);
}

std::string_view FrameFilter::expression() const noexcept { return programs_->expression; }

}  // namespace weir::filter

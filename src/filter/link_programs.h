// One expression compiled for every link type that its packets have: what FrameFilter, RuleSet and
// SessionFilters evaluate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "filter/frame_filter.h"
#include "filter/program.h"

namespace weir::filter {

// prepare() belongs to set-up and control; everything else is const and may run in any number of
// threads between its calls. A copy has the programs and compiles nothing.
class LinkPrograms {
 public:
  // prepare() and what follows: for an expression that is not empty.
  LinkPrograms(std::string expression, Scope scope);

  // As FrameFilter::prepare().
  Result<void> prepare(LinkType link_type);

  // Of one packet, of whose link type it has been prepared. No allocation, no failure.
  [[nodiscard]] bool matches(const Packet& packet, const Headers& headers) const noexcept;

  // Adds `sessions` to the verdict of every packet that matches; returns how many do.
  std::uint32_t add_sessions(const PacketBatch& batch, const HeadersArray& headers,
                             SessionMask sessions, Verdicts& verdicts) const noexcept;

  [[nodiscard]] std::string_view expression() const noexcept { return expression_; }
  [[nodiscard]] Scope scope() const noexcept { return scope_; }

 private:
  // The expression for one link type.
  struct Entry {
    LinkType link_type{};
    Program program;
    // For link types whose address family is in the byte order of the machine that captured: the
    // same for the other order. A frame shows its order itself, so files of both kinds can be
    // mixed.
    std::optional<Program> swapped;
  };

  [[nodiscard]] const Entry* find(LinkType link_type) const noexcept;
  // Compiles for `link_type` unless that has been done; the refusal where libpcap refuses.
  Result<void> add(LinkType link_type);
  static bool run(const Entry& entry, Bytes frame, std::uint32_t wire_bytes) noexcept;
  [[nodiscard]] bool matches_innermost(const Packet& packet, const Headers& headers) const noexcept;

  std::string expression_;
  Scope scope_;
  std::vector<Entry> entries_;  // a handful; none for what libpcap refuses
};

}  // namespace weir::filter

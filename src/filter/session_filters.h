// The filters of all sessions over a batch, in one pass.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "filter/column_program.h"
#include "filter/frame_filter.h"
#include "filter/link_programs.h"
#include "filter/program.h"

namespace weir::filter {

// Each distinct pair of expression and scope is compiled and evaluated once, whatever the number of
// sessions that have it; an empty expression costs nothing per packet. Of the usual frames (TCP or
// UDP in IP, ARP, in Ethernet with or without a tag) those of one shape are judged together, by
// what is left of each program when the shape is known (specialise.h).
//
// add() and prepare() belong to set-up and control; evaluate() is const and may run in any number
// of threads between them. A worker has its own clone().
class SessionFilters {
 public:
  // The union for the kernel takes no more than these; see kernel_expression().
  static constexpr std::size_t kKernelExpressionsMax = 8;
  static constexpr std::size_t kKernelBytesMax = 2048;

  // Session `bit` (below kSessionsMax) wants what `expression` accepts; empty: everything.
  // ErrorCode::Exists when the bit is taken, ErrorCode::Internal when there is no such bit.
  Result<void> add(std::uint32_t bit, std::string_view expression, Scope scope);

  // As FrameFilter::prepare(), for every expression; names all that do not compile. Nothing changes
  // for what had been prepared before.
  Result<void> prepare(LinkType link_type);

  // A deep copy, without compiling.
  [[nodiscard]] SessionFilters clone() const { return *this; }

  // Writes the verdict of every packet of the batch: the bits of the sessions that want it, no
  // others. Every link type of the batch has been prepared. No allocation, no failure.
  void evaluate(const PacketBatch& batch, const HeadersArray& headers,
                Verdicts& verdicts) const noexcept;

  // An expression that accepts at least what any session wants of whole frames, for the kernel's
  // pre-filter; empty: everything. That is the case without sessions, when a session wants
  // everything or looks into tunnels, when the union would be of more than kKernelExpressionsMax
  // expressions or kKernelBytesMax bytes, and when it could not be trusted (two expressions with
  // `vlan`, one that computes where it looks). One distinct expression is returned as it is. Of
  // several, "(less 57) or ... or (a) or (b)": very short frames, too. Compiles what it joins: for
  // the thread that does.
  [[nodiscard]] std::string kernel_expression() const;

  [[nodiscard]] SessionMask sessions() const noexcept { return sessions_; }

  SessionFilters() = default;
  SessionFilters(SessionFilters&&) noexcept = default;
  SessionFilters& operator=(SessionFilters&&) noexcept = default;
  ~SessionFilters() = default;

 private:
  struct Filter {
    SessionMask sessions;
    LinkPrograms programs;
  };
  SessionFilters(const SessionFilters&) = default;
  SessionFilters& operator=(const SessionFilters&) = default;

  // What is left of a filter for frames of one shape.
  struct Rest {
    SessionMask sessions;
    Program program;
    std::optional<ColumnProgram> columns;  // the same, where it can be
  };
  // 0: any other frame. Untagged and tagged: TCP in IPv4, UDP in IPv4, the same in IPv6, ARP.
  static constexpr std::size_t kShapes = 11;
  struct Shape {
    SessionMask accepted = 0;  // whatever else is in the frame
    std::vector<Rest> rests;
  };
  using Places = std::array<std::uint8_t, kBatchPacketsMax>;

  static std::size_t shape_of(const Packet& packet) noexcept;
  void shape_filters();
  void evaluate_shape(const Shape& shape, const PacketBatch& batch,
                      std::span<const std::uint8_t> places, Verdicts& verdicts) const noexcept;
  static void evaluate_columns(const Rest& rest, std::span<const std::uint8_t* const> frames,
                               std::span<const std::uint8_t> places, Verdicts& verdicts) noexcept;
  void evaluate_others(const PacketBatch& batch, const HeadersArray& headers,
                       std::span<const std::uint8_t> places, Verdicts& verdicts) const noexcept;

  SessionMask sessions_ = 0;
  SessionMask everything_ = 0;  // sessions without an expression
  std::vector<Filter> filters_;
  std::array<Shape, kShapes> shapes_;
  bool has_shapes_ = false;  // prepared for Ethernet
};

}  // namespace weir::filter

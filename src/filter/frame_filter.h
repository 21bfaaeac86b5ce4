// A pcap-filter expression applied to batches: one program per link type, compiled when the type
// first appears.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "base/verdicts.h"

namespace weir::filter {

class LinkPrograms;

enum class Scope : std::uint8_t {
  Frame,      // the frame as received, as tcpdump does
  Innermost,  // the innermost frame or IP packet of a tunnel; without a tunnel the frame itself
};

// One expression of one session. Frames of Scope::Innermost are cut to what the tunnel carries,
// their lengths too.
//
// prepare() belongs to set-up and control (see compile() in pcap_compiler.h for the thread);
// evaluate() is const and may run in any number of threads between calls of prepare().
class FrameFilter {
 public:
  // An empty expression accepts everything.
  FrameFilter(std::string expression, Scope scope);
  ~FrameFilter();
  FrameFilter(FrameFilter&&) noexcept;
  FrameFilter& operator=(FrameFilter&&) noexcept;

  // The same expression and programs for another owner: compiling a long expression can take
  // seconds.
  [[nodiscard]] FrameFilter clone() const;

  // Compiles the expression for a link type that packets may have from now on (set-up, and whenever
  // the source shows a new interface; never per packet). ErrorCode::BadFilter with libpcap's
  // message, the expression and, where its place can be found, a caret under the culprit.
  //
  // Scope::Innermost compiles for Ethernet and Raw too, what tunnels carry, but there a refusal is
  // no error: a tunnelled packet of a link type for which libpcap refuses the expression (`vlan` in
  // an IP tunnel) is not accepted.
  Result<void> prepare(LinkType link_type);

  // Sets (or clears) the bits `session` of every packet's verdict. Every link type in the batch has
  // been prepared. Returns how many packets were accepted. No allocation, no failure.
  std::uint32_t evaluate(const PacketBatch& batch, const HeadersArray& headers, SessionMask session,
                         Verdicts& verdicts) const noexcept;

  [[nodiscard]] std::string_view expression() const noexcept;

 private:
  explicit FrameFilter(std::unique_ptr<LinkPrograms> programs) noexcept;
  std::unique_ptr<LinkPrograms> programs_;
};

}  // namespace weir::filter

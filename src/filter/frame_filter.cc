#include "filter/frame_filter.h"

#include <utility>

#include "filter/link_programs.h"

namespace weir::filter {

FrameFilter::FrameFilter(std::string expression, Scope scope)
    : programs_(std::make_unique<LinkPrograms>(std::move(expression), scope)) {}
FrameFilter::FrameFilter(std::unique_ptr<LinkPrograms> programs) noexcept
    : programs_(std::move(programs)) {}
FrameFilter FrameFilter::clone() const {
  return FrameFilter(std::make_unique<LinkPrograms>(*programs_));
}
FrameFilter::~FrameFilter() = default;
FrameFilter::FrameFilter(FrameFilter&&) noexcept = default;
FrameFilter& FrameFilter::operator=(FrameFilter&&) noexcept = default;

Result<void> FrameFilter::prepare(LinkType link_type) {
  if (programs_->expression().empty()) return ok();
  return programs_->prepare(link_type);
}

std::uint32_t FrameFilter::evaluate(const PacketBatch& batch, const HeadersArray& headers,
                                    SessionMask session, Verdicts& verdicts) const noexcept {
  if (programs_->expression().empty()) {
    for (std::uint32_t i = 0; i < batch.count; ++i) verdicts.wanted[i] |= session;
    return batch.count;
  }
  for (std::uint32_t i = 0; i < batch.count; ++i) verdicts.wanted[i] &= ~session;
  return programs_->add_sessions(batch, headers, session, verdicts);
}

std::string_view FrameFilter::expression() const noexcept { return programs_->expression(); }

}  // namespace weir::filter

#include "capture/outlets.h"

#include <optional>
#include <utility>

namespace weir::capture {

Outlets::Outlets(std::span<output::Sink* const> sinks) {
  for (output::Sink* sink : sinks) {
    outlets_.push_back({.sink = sink});
    if (store_ == nullptr && sink->wants_uids()) store_ = sink;
  }
}

Result<void> Outlets::reserve() {
  std::optional<Error> error;
  bool any_works = outlets_.empty();
  for (Outlet& outlet : outlets_) {
    if (!outlet.credit && !outlet.failed) {
      auto credit = outlet.sink->reserve();
      outlet.credit = credit.ok();
      outlet.failed = !credit.ok();
      if (!credit) error = std::move(credit).error();
    }
    any_works = any_works || !outlet.failed;
  }
  if (any_works) return ok();
  // Asked again, a failed sink says again what happened.
  return error ? std::move(*error) : outlets_.back().sink->reserve();
}

void Outlets::write(const output::Offer& offer) {
  for (Outlet& outlet : outlets_) {
    outlet.sink->write(offer);
    outlet.credit = false;
  }
}

void Outlets::flush() {
  for (Outlet& outlet : outlets_) (void)outlet.sink->flush();
}

Result<void> Outlets::close() {
  std::optional<Error> first;
  for (Outlet& outlet : outlets_) {
    auto closed = outlet.sink->close();
    if (!closed && !first) first = std::move(closed).error();
  }
  if (first) return std::move(*first);
  return ok();
}

}  // namespace weir::capture

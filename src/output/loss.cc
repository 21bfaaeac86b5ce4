#include "output/loss.h"

#include <cinttypes>
#include <cstdio>

#include "base/assert.h"

namespace weir::output {
namespace {

constexpr const char* kKernel = "kernel: ring full";
constexpr const char* kSlowReader = "output: its reader was too slow";

}  // namespace

std::string_view describe(const Loss& loss, std::string_view where, LossText& text) noexcept {
  const std::uint64_t packets = loss.packets();
  const char* const noun = packets == 1 ? "packet" : "packets";
  int length = 0;
  if (loss.kernel != 0 && loss.slow_reader != 0) {
    length = std::snprintf(text.data(), text.size(),
                           "weir: %" PRIu64 " %s lost %.*s (%s: %" PRIu64 ", %s: %" PRIu64 ")",
                           packets, noun, static_cast<int>(where.size()), where.data(), kKernel,
                           loss.kernel, kSlowReader, loss.slow_reader);
  } else {
    length = std::snprintf(text.data(), text.size(), "weir: %" PRIu64 " %s lost %.*s (%s)", packets,
                           noun, static_cast<int>(where.size()), where.data(),
                           loss.kernel != 0 ? kKernel : kSlowReader);
  }
  WEIR_ASSERT(length > 0 && static_cast<std::size_t>(length) < text.size());
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace weir::output

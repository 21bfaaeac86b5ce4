#include "output/loss.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace weir::output {
namespace {

// Writes to the end of a text that is large enough.
class Appender {
 public:
  explicit Appender(LossText& text) noexcept : text_(text) {}
  Appender& operator<<(std::string_view part) noexcept {
    WEIR_ASSERT(part.size() <= text_.size() - used_);
    std::ranges::copy(part, text_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += part.size();
    return *this;
  }
  Appender& operator<<(std::uint64_t number) noexcept {
    std::array<char, 20> digits;  // NOLINT(*-member-init)
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), used_}; }

 private:
  LossText& text_;
  std::size_t used_ = 0;
};

}  // namespace

std::string_view describe(const Loss& loss, std::string_view where, LossText& text) noexcept {
  struct Cause {
    std::string_view name;
    std::uint64_t packets;
  };
  const std::array<Cause, 3> causes = {{{"kernel: ring full", loss.kernel},
                                        {"output: its reader was too slow", loss.slow_reader},
                                        {"pressure", loss.pressure}}};
  const std::uint64_t packets = loss.packets();
  Appender out(text);
  out << "weir: " << packets << (packets == 1 ? " packet lost " : " packets lost ") << where;
  std::string_view before = " (";
  for (const Cause& cause : causes) {
    if (cause.packets == 0) continue;
    out << before << cause.name;
    // One that is alone need not be counted again.
    if (cause.packets != packets) out << ": " << cause.packets;
    before = ", ";
  }
  out << ")";
  return out.text();
}

}  // namespace weir::output

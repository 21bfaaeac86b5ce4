// A uid as text: 96 bits in base 62, the most significant digit first.
#include "protocol/deep/uid.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint32_t kBase = 62;
static_assert(kDigits.size() == kBase);

// Five digits at a time: the largest power of 62 that fits into a word.
constexpr std::size_t kGroupDigits = 5;
constexpr std::uint32_t kGroup = kBase * kBase * kBase * kBase * kBase;

// Divides the number in place; words[0] is the most significant.
std::uint32_t divide(std::array<std::uint32_t, 3>& words, std::uint32_t by) noexcept {
  std::uint64_t rest = 0;
  for (std::uint32_t& word : words) {
    rest = (rest << 32) | word;
    word = static_cast<std::uint32_t>(rest / by);
    rest %= by;
  }
  return static_cast<std::uint32_t>(rest);
}

}  // namespace

UidText text_of(const Uid& uid) noexcept {
  UidText text;
  text.chars[0] = 'C';
  std::array<std::uint32_t, 3> number = uid.words;
  for (std::size_t end = UidText::kBytes; end > 1;) {
    std::uint32_t group = divide(number, kGroup);
    for (std::size_t digit = 0; digit < kGroupDigits && end > 1; ++digit) {
      text.chars[--end] = kDigits[group % kBase];
      group /= kBase;
    }
  }
  return text;
}

}  // namespace weir::protocol

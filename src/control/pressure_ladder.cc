#include "control/pressure_ladder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "control/values.h"

namespace weir::control {
namespace {

using capture::Relief;

constexpr std::array<std::string_view, 4> kSteps = {"cutoff", "truncate", "sample", "drop"};
constexpr std::string_view kForms = "cutoff 64KiB, truncate 128, sample 1/2 or drop";

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// Bytes as the workers take them.
std::string check_bytes(std::optional<std::uint64_t> bytes) {
  if (bytes && *bytes > 0 && *bytes <= capture::kReliefBytesMax &&
      *bytes % capture::kReliefStep == 0) {
    return "";
  }
  return "no multiple of " + std::to_string(capture::kReliefStep) + " bytes up to " +
         size_text_of(capture::kReliefBytesMax / 1024 * 1024);
}

// Fills `relief`; what is wrong, or nothing.
std::string read_step(std::string_view text, Relief& relief) {
  const std::size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  const std::string_view rest =
      blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  if (word == "drop") {
    relief.shed = true;
    return rest.empty() ? "" : "drop takes nothing behind it";
  }
  if (word == "cutoff" || word == "truncate") {
    std::optional<std::uint64_t> bytes;
    if (auto size = parse_size(rest)) bytes = *size;
    std::string problem = check_bytes(bytes);
    if (!problem.empty()) return problem;
    (word == "cutoff" ? relief.cutoff_bytes : relief.keep_bytes) =
        static_cast<std::uint32_t>(*bytes);
    return "";
  }
  if (word == "sample") {
    const auto parts = rest.starts_with("1/") ? number_in(rest.substr(2)) : std::nullopt;
    if (!parts || *parts < 2 || *parts > Relief::kAllFlows) return "no share from 1/2 to 1/65536";
    relief.sample = Relief::kAllFlows / static_cast<std::uint32_t>(*parts);
    return "";
  }
  return "unknown (" + nearest_hint(kSteps, word) + "; a step is " + std::string(kForms) + ")";
}

// 0 stands for all.
std::uint32_t less_of(std::uint32_t a, std::uint32_t b) noexcept {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

Relief stricter(const Relief& a, const Relief& b) noexcept {
  return {.cutoff_bytes = less_of(a.cutoff_bytes, b.cutoff_bytes),
          .keep_bytes = less_of(a.keep_bytes, b.keep_bytes),
          .sample = std::min(a.sample, b.sample),
          .shed = a.shed || b.shed,
          .shallow = a.shallow || b.shallow};
}

std::string check_ladder(std::span<const std::string> steps) {
  Relief before;
  for (const std::string& text : steps) {
    Relief step;
    const std::string shown = "'" + text.substr(0, 64) + "': ";
    std::string problem = read_step(text, step);
    if (!problem.empty()) return shown + problem;
    const Relief with = stricter(before, step);
    if (before.shed || with == before) return shown + "no more than the steps before it";
    before = with;
  }
  return "";
}

std::vector<Relief> ladder_of(std::span<const std::string> steps) {
  std::vector<Relief> ladder;
  Relief sum;
  for (const std::string& text : steps) {
    Relief step;
    (void)read_step(text, step);
    sum = stricter(sum, step);
    ladder.push_back(sum);
  }
  return ladder;
}

std::string text_of(const Relief& relief) {
  if (relief.shed) return "drop";
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (relief.cutoff_bytes != 0) add("cutoff " + size_text_of(relief.cutoff_bytes));
  if (relief.keep_bytes != 0) add("truncate " + std::to_string(relief.keep_bytes));
  if (relief.sample < Relief::kAllFlows) {
    add("sample 1/" + std::to_string(Relief::kAllFlows / std::max(relief.sample, 1u)));
  }
  if (relief.shallow) add("shallow analysis");
  return text;
}

}  // namespace weir::control

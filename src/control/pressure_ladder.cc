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

constexpr std::array<std::string_view, 5> kSteps = {"cutoff", "truncate", "flows", "sample",
                                                    "drop"};
constexpr std::string_view kForms = "cutoff 64KiB, truncate 128, flows 1/2, sample 1/2 or drop";

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// Bytes as the workers take them.
std::string check_bytes(std::optional<std::uint64_t> bytes, std::uint32_t bytes_max) {
  if (bytes && *bytes > 0 && *bytes <= bytes_max && *bytes % capture::kReliefStep == 0) return "";
  return "no multiple of " + std::to_string(capture::kReliefStep) + " bytes up to " +
         size_text_of(bytes_max / 1024 * 1024);
}

// "1/N": N, if it is at most `most`.
std::optional<std::uint32_t> share_in(std::string_view text, std::uint32_t most) {
  const auto parts = text.starts_with("1/") ? number_in(text.substr(2)) : std::nullopt;
  if (!parts || *parts < 2 || *parts > most) return std::nullopt;
  return static_cast<std::uint32_t>(*parts);
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
    const bool cuts_flows = word == "cutoff";
    std::optional<std::uint64_t> bytes;
    if (auto size = parse_size(rest)) bytes = *size;
    std::string problem =
        check_bytes(bytes, cuts_flows ? capture::kReliefCutoffMax : capture::kReliefKeepMax);
    if (!problem.empty()) return problem;
    (cuts_flows ? relief.cutoff_bytes : relief.keep_bytes) = static_cast<std::uint32_t>(*bytes);
    return "";
  }
  if (word == "sample") {
    const auto parts = share_in(rest, Relief::kAllFlows);
    if (!parts) return "no share from 1/2 to 1/65536";
    relief.sample = Relief::kAllFlows / *parts;
    return "";
  }
  if (word == "flows") {
    const auto parts = share_in(rest, Relief::kWholeShare);
    if (!parts) return "no share from 1/2 to 1/16";
    relief.flow_share = Relief::kWholeShare / *parts;
    return "";
  }
  return "unknown (" + nearest_hint(kSteps, word) + "; a step is " + std::string(kForms) + ")";
}

}  // namespace

Relief stricter(const Relief& a, const Relief& b) noexcept {
  return {.cutoff_bytes = capture::smaller_bound(a.cutoff_bytes, b.cutoff_bytes),
          .keep_bytes = capture::smaller_bound(a.keep_bytes, b.keep_bytes),
          .sample = std::min(a.sample, b.sample),
          .flow_share = std::min(a.flow_share, b.flow_share),
          .shed = a.shed || b.shed};
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
  if (relief.flow_share < Relief::kWholeShare) {
    add("flows 1/" + std::to_string(Relief::kWholeShare / std::max(relief.flow_share, 1u)));
  }
  if (relief.sample < Relief::kAllFlows) {
    add("sample 1/" + std::to_string(Relief::kAllFlows / std::max(relief.sample, 1u)));
  }
  return text;
}

}  // namespace weir::control

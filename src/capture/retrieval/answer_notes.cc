#include "capture/retrieval/answer_notes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

#include "storage/pcapng/blocks.h"

namespace weir::capture::retrieval {

namespace pcapng = storage::pcapng;
namespace segment = storage::segment;

namespace {

constexpr std::string_view kWho = "weir query: ";
// A comment, and comments of a block; what is beyond is for standard error and --json.
constexpr std::size_t kCommentBytesMax = 1024;
constexpr std::size_t kCommentsMax = 64;
constexpr std::size_t kGapsTold = 16;
constexpr std::size_t kDamageTold = 16;

std::string grouped(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string counted(std::uint64_t count, const char* what) {
  return grouped(count) + " " + what + (count == 1 ? "" : "s");
}

std::string utc_text(Timestamp time) {
  using std::chrono::floor;
  const std::chrono::sys_time<Duration> point{Duration(time.ns)};
  const auto day = floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<std::chrono::milliseconds>(point - day));
  std::array<char, 64> text{};
  std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d.%03d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string between(const segment::TimeSpan& times) {
  if (times.empty()) return "";
  return " between " + utc_text(times.first) + " and " + utc_text(times.last) + " UTC";
}

std::string lost_sentence(const Losses& lost) {
  return counted(lost.packets, "packet") + (lost.packets == 1 ? " is" : " are") +
         " missing in this range: the capture lost them" + between(lost.times);
}

std::string reasons_text(const Expired& expired) {
  constexpr std::array<const char*, segment::kDeletionReasons> kTexts = {
      "for their age", "for the size of the store", "to keep space free", "by others",
      "for several reasons"};
  std::string text;
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    if (expired.by_reason[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(kTexts[i]);
    if (expired.by_reason[i] != expired.segments) text += " " + grouped(expired.by_reason[i]);
  }
  return text;
}

void add_expired(const Expired& expired, std::vector<std::string>& sentences) {
  if (expired.segments != 0) {
    std::string how_many = counted(expired.packets, "packet");
    if (expired.packets == 0) {
      how_many = "at most " + counted(expired.packets_at_most, "packet");
    } else if (expired.packets != expired.packets_at_most) {
      how_many = grouped(expired.packets) + " to " + counted(expired.packets_at_most, "packet");
    }
    std::string when = expired.deleted.first == expired.deleted.last
                           ? " at " + utc_text(expired.deleted.first) + " UTC"
                           : between(expired.deleted);
    sentences.push_back(how_many + " of this range" + between(expired.times) +
                        (expired.packets_at_most == 1 ? " is" : " are") +
                        " no longer there: " + counted(expired.segments, "segment") +
                        (expired.segments == 1 ? " was" : " were") + " deleted " +
                        reasons_text(expired) + when);
  }
  if (expired.uncounted != 0) {
    sentences.push_back("nobody knows what was in " + counted(expired.uncounted, "segment") +
                        " of these, which " + (expired.uncounted == 1 ? "was" : "were") +
                        " damaged");
  }
  if (expired.unknown != 0) {
    sentences.push_back(counted(expired.unknown, "record") +
                        " of deleted segments cannot be read: more may be missing");
  }
}

// Text of a file: UTF-8 is asked for there, and names of files may be anything.
void append_option(std::vector<std::uint8_t>& out, std::uint16_t code, Bytes value) {
  const std::size_t at = out.size();
  out.resize(at + 4 + align_up(value.size(), 4));
  store_le(out.data() + at, code);
  store_le(out.data() + at + 2, static_cast<std::uint16_t>(value.size()));
  std::ranges::copy(value, out.begin() + static_cast<std::ptrdiff_t>(at + 4));
}

void append_comment(std::vector<std::uint8_t>& out, std::string_view text) {
  std::vector<std::uint8_t> comment(kWho.begin(), kWho.end());
  for (const char c : text.substr(0, kCommentBytesMax - kWho.size())) {
    const bool plain = c >= 0x20 && c < 0x7f;
    comment.push_back(static_cast<std::uint8_t>(plain ? c : '?'));
  }
  append_option(out, pcapng::option::kComment, comment);
}

void append_comments(std::vector<std::uint8_t>& out, const std::vector<std::string>& sentences) {
  for (std::size_t i = 0; i < std::min(sentences.size(), kCommentsMax); ++i) {
    append_comment(out, sentences[i]);
  }
}

void append_count(std::vector<std::uint8_t>& out, std::uint16_t code, std::uint64_t count) {
  std::array<std::uint8_t, 8> bytes{};
  store_le(bytes.data(), count);
  append_option(out, code, bytes);
}

}  // namespace

std::vector<std::string> missing_sentences(const QueryCounts& counts, const TimeWindow& window,
                                           std::size_t gaps_max) {
  std::vector<std::string> sentences;
  const Losses& lost = counts.lost;
  if (lost.packets != 0) sentences.push_back(lost_sentence(lost));
  if (lost.gaps.size() > 1) {
    for (std::size_t i = 0; i < std::min(lost.gaps.size(), gaps_max); ++i) {
      sentences.push_back("of these, " + counted(lost.gaps[i].packets, "packet") +
                          between(lost.gaps[i].times));
    }
  }
  add_expired(counts.expired, sentences);
  const auto add = [&sentences](const Sentences& told) {
    sentences.insert(sentences.end(), told.kept().begin(), told.kept().end());
    if (told.count() > told.kept().size()) {
      sentences.push_back(grouped(told.count() - told.kept().size()) + " more");
    }
  };
  add(counts.gone);
  add(counts.unsealed);
  add(counts.damaged);
  if (counts.packets_damaged != 0) {
    sentences.push_back(counted(counts.packets_damaged, "packet") +
                        " could not be read, of which some may match");
  }
  if (counts.growing.segments != 0 && window.until > counts.growing.until) {
    sentences.push_back("a capture is writing to " + counted(counts.growing.segments, "segment") +
                        ": what came after " + utc_text(counts.growing.until) +
                        " UTC need not have been in the files yet");
  }
  return sentences;
}

std::span<const SideBlock> AnswerNotes::block(SideBlock side_block) {
  side_block.body = body_;
  blocks_.assign(1, side_block);
  return blocks_;
}

std::span<const SideBlock> AnswerNotes::opening(const QueryCounts& counts) {
  const auto sentences = missing_sentences(counts, window_, kGapsTold);
  if (sentences.empty()) return {};
  body_.clear();
  append_comments(body_, sentences);
  return block({.type = static_cast<std::uint32_t>(pcapng::BlockType::SectionHeader)});
}

std::span<const SideBlock> AnswerNotes::closing(const QueryCounts& counts, const End& end) {
  auto sentences = missing_sentences(counts, window_, 0);
  if (end.cut_short) sentences.emplace_back("it was ended before all packets were found");
  if (sentences.empty() || end.interfaces == 0) return {};
  // Interface Statistics: interface, time (the upper half first), options.
  const auto time = static_cast<std::uint64_t>(end.last.ns);
  body_.assign(pcapng::kInterfaceStatisticsFixedBytes, 0);
  store_le(body_.data() + 4, static_cast<std::uint32_t>(time >> 32));
  store_le(body_.data() + 8, static_cast<std::uint32_t>(time));
  // Chunks do not tell of which interface their losses were.
  if (end.interfaces == 1) append_count(body_, pcapng::option::kIsbIfdrop, counts.lost.packets);
  append_comments(body_, sentences);
  append_option(body_, pcapng::option::kEndOfOptions, {});
  return block({.type = static_cast<std::uint32_t>(pcapng::BlockType::InterfaceStatistics)});
}

void AnswerNotes::tell_damage(Timestamp from, const std::string& what, std::uint64_t packets) {
  if (damage_.size() >= kDamageTold) return;
  damage_.push_back(
      {.from = from,
       .text = (packets == 0 ? "a chunk is damaged before this packet: "
                             : counted(packets, "packet") +
                                   " of a damaged chunk could not be read before this one: ") +
               what});
}

Packet AnswerNotes::with_comment(const Packet& packet, Timestamp time) {
  std::vector<std::uint8_t> options(packet.options, packet.options + packet.options_bytes);
  for (const Damage& damage : damage_) {
    if (damage.from <= time) append_comment(options, damage.text);
  }
  if (options.size() > kPacketOptionsBytesMax) return packet;
  options_.push_back(std::move(options));
  Packet told = packet;
  told.options = options_.back().data();
  told.options_bytes = static_cast<std::uint32_t>(options_.back().size());
  return told;
}

void AnswerNotes::told(Timestamp time) {
  std::erase_if(damage_, [time](const Damage& damage) { return damage.from <= time; });
}

}  // namespace weir::capture::retrieval

#include "storage/segment/verify.h"

#include <algorithm>
#include <utility>

#include "storage/segment/segment_file.h"
#include "storage/segment/unit_walk.h"

namespace weir::storage::segment {
namespace {

class Verifier {
 public:
  Verifier(const RangeReader& file, const VerifyOptions& options)
      : file_(file), options_(options), findings_(options.findings_max) {}

  SegmentReport run();

 private:
  // A place where units are damaged, and what was good before it.
  struct Hole {
    std::size_t finding = 0;  // its number; findings_max: it was left out
    std::uint64_t units = 0;
    std::uint64_t packets = 0;
  };

  void take_bad_head(const Error& error);
  void walk();
  // The first good unit behind `offset`, where one of `ordinal` should be.
  std::optional<UnitPlace> find_behind(std::uint64_t offset, std::uint32_t ordinal);
  void open_hole(std::uint64_t offset, std::uint64_t end, const UnitRead& why);
  void describe_holes();
  void take_torn_end(std::uint64_t offset, const UnitRead& why);
  [[nodiscard]] bool looks_like_tail(std::uint64_t offset);

  const RangeReader& file_;
  const VerifyOptions& options_;
  SegmentReport report_;
  Findings findings_;
  std::optional<ContentCheck> content_;
  std::vector<Hole> holes_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t search_budget_ = 0;  // bytes that find_behind() may still check
};

SegmentReport Verifier::run() {
  if (const auto size = file_.size()) report_.file_bytes = *size;
  auto head = read_head(file_);
  if (head) {
    report_.head = std::move(*head);
    content_.emplace(*report_.head, findings_);
    // Every byte might be looked at by several units that claim it, but not by any number.
    search_budget_ = 4 * report_.file_bytes + kUnitBytesMax;
    walk();
    describe_holes();
    report_.totals = content_->totals();
    report_.sealed = content_->sealed();
    report_.recovered = content_->recovered();
    report_.cut_bytes = content_->cut_bytes();
  } else {
    take_bad_head(head.error());
  }
  if (!findings_.list().empty() || findings_.left_out() != 0) {
    report_.state = SegmentState::Damaged;
  } else if (report_.why_foreign.empty()) {
    report_.state = report_.sealed ? SegmentState::Sealed : SegmentState::Open;
  }
  report_.findings = std::move(findings_.list());
  report_.findings_left_out = findings_.left_out();
  return std::move(report_);
}

void Verifier::take_bad_head(const Error& error) {
  if (error.code == ErrorCode::UnknownFormat || error.code == ErrorCode::Unsupported) {
    report_.why_foreign = error.context;
  } else if (error.code == ErrorCode::Truncated && options_.torn_end_expected) {
    report_.torn_bytes = report_.file_bytes;
  } else {
    findings_.add(0, error.context);
  }
}

void Verifier::walk() {
  UnitPlace begin = report_.head->place();
  for (;;) {
    UnitWalk walk(file_, begin, Depth::Bytes);
    while (const auto unit = walk.next()) content_->take(*unit);
    const std::uint64_t at = walk.offset();
    const auto size = file_.size();
    const std::uint64_t file_bytes = size ? *size : report_.file_bytes;
    report_.file_bytes = file_bytes;
    if (walk.sealed()) {
      if (file_bytes > at) {
        findings_.add(at, std::to_string(file_bytes - at) + " bytes behind the tail");
      }
      return;
    }
    if (walk.end().fault == UnitFault::None) return;
    const bool in_flight = file_bytes < at || file_bytes - at <= options_.in_flight_bytes;
    if (in_flight && options_.torn_end_expected) {
      report_.torn_bytes = file_bytes > at ? file_bytes - at : 0;
      return;
    }
    const auto next = find_behind(at, walk.ordinal());
    if (!next) return take_torn_end(at, walk.end());
    open_hole(at, next->offset, walk.end());
    begin = *next;
  }
}

std::optional<UnitPlace> Verifier::find_behind(std::uint64_t offset, std::uint32_t ordinal) {
  const Uuid& segment = report_.head->segment;
  for (std::uint64_t at = offset; at < report_.file_bytes; at += kUnitAlignment) {
    const UnitPlace place{.segment = segment, .offset = at};
    const UnitRead header = read_unit(file_, place, Depth::Header, buffer_);
    if (header.fault != UnitFault::None || header.unit.header.ordinal < ordinal) continue;
    if (header.unit.header.unit_bytes > search_budget_) return std::nullopt;
    search_budget_ -= header.unit.header.unit_bytes;
    const std::uint32_t found = header.unit.header.ordinal;
    if (read_unit(file_, place, Depth::Bytes, buffer_).fault == UnitFault::None) {
      return UnitPlace{.segment = segment, .offset = at, .ordinal = found};
    }
  }
  return std::nullopt;
}

void Verifier::open_hole(std::uint64_t offset, std::uint64_t end, const UnitRead& why) {
  holes_.push_back({.finding = findings_.list().size(),
                    .units = content_->totals().units,
                    .packets = content_->totals().packets});
  std::string what = why.text();
  if (end > offset) what += "; " + std::to_string(end - offset) + " bytes cannot be used";
  findings_.add(offset, std::move(what));
  content_->skip();
}

void Verifier::describe_holes() {
  const SegmentTotals& totals = content_->totals();
  for (const Hole& hole : holes_) {
    if (hole.finding >= findings_.list().size()) continue;
    findings_.list()[hole.finding].what +=
        "; behind them " + std::to_string(totals.units - hole.units) + " good units with " +
        std::to_string(totals.packets - hole.packets) + " packets";
  }
}

void Verifier::take_torn_end(std::uint64_t offset, const UnitRead& why) {
  report_.torn_bytes = report_.file_bytes - offset;
  if (looks_like_tail(offset)) {
    findings_.add(offset, why.text() + "; its tail is damaged");
  } else if (why.fault == UnitFault::ReadFailed) {
    findings_.add(offset, why.text());
  } else if (!options_.torn_end_expected) {
    findings_.add(offset, why.text() + "; the last " + std::to_string(report_.torn_bytes) +
                              " bytes are torn off or damaged");
  }
}

// A tail that was written whole, as far as can be told from what is left of it.
bool Verifier::looks_like_tail(std::uint64_t offset) {
  const UnitPlace place{.segment = report_.head->segment, .offset = offset};
  const UnitRead read = read_unit(file_, place, Depth::Header, buffer_);
  if (read.fault == UnitFault::None && read.unit.block.kind == Kind::Tail &&
      read.unit.end() == report_.file_bytes) {
    return true;
  }
  const auto tail = find_tail(file_, report_.head->segment);
  return tail.ok() && tail->has_value();
}

}  // namespace

std::string_view name_of(SegmentState state) noexcept {
  switch (state) {
    case SegmentState::Sealed:
      return "sealed";
    case SegmentState::Open:
      return "open";
    case SegmentState::Damaged:
      return "damaged";
    case SegmentState::Foreign:
      break;
  }
  return "foreign";
}

SegmentReport verify_segment(const RangeReader& file, const VerifyOptions& options) {
  return Verifier(file, options).run();
}

Result<SegmentReport> verify_segment(const std::string& path, const VerifyOptions& options) {
  WEIR_TRY(const auto file, FileReader::open(path));
  return verify_segment(*file, options);
}

}  // namespace weir::storage::segment

#include "app/commands/store.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands/store_upkeep.h"
#include "app/ctl/table.h"
#include "app/ctl/utc_time.h"
#include "app/human.h"
#include "app/session.h"
#include "base/json_writer.h"
#include "storage/segment/segment_summary.h"
#include "storage/segment/store_directory.h"
#include "storage/segment/verify.h"

namespace weir::app {
namespace {

namespace segment = storage::segment;

// What a running engine may have written to the end of a segment, block by block in any order.
constexpr std::uint64_t kInFlightBytes = 64ULL * 1024 * 1024;

void print_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string counted(std::uint64_t count, const char* what) {
  return count_text(count) + " " + what + (count == 1 ? "" : "s");
}

// A store as it was found.
struct Store {
  std::string directory;
  segment::StoreListing listing;
  std::optional<std::uint32_t> holder;  // the process that has it

  [[nodiscard]] std::string path(const std::string& file) const {
    return directory + (directory.ends_with('/') ? "" : "/") + file;
  }
};

Result<Store> look_at(const std::string& directory) {
  Store store{.directory = directory, .listing = {}, .holder = {}};
  WEIR_TRY(store.listing, segment::list_store(directory));
  store.holder = segment::StoreLock::holder(directory);
  return store;
}

std::string used_by(const Store& store) {
  if (!store.holder) return "";
  return *store.holder == 0 ? "; in use" : "; in use by process " + std::to_string(*store.holder);
}

void write_store(JsonWriter& json, const Store& store) {
  json.field("store", store.directory).field("in_use", store.holder.has_value());
  if (store.holder.value_or(0) != 0) json.field("process", *store.holder);
  json.key("foreign").begin_array();
  for (const std::string& file : store.listing.foreign) json.value(file);
  json.end_array();
}

void write_times(JsonWriter& json, const segment::TimeSpan& times) {
  json.key("first");
  times.empty() ? json.null() : json.value(epoch_seconds(times.first));
  json.key("last");
  times.empty() ? json.null() : json.value(epoch_seconds(times.last));
}

void write_totals(JsonWriter& json, const segment::SegmentTotals& totals,
                  std::uint64_t file_bytes) {
  write_times(json, totals.times);
  json.field("units", totals.units)
      .field("chunks", totals.chunks)
      .field("pages", totals.pages)
      .field("packets", totals.packets)
      .field("wire_bytes", totals.wire_bytes)
      .field("bytes", file_bytes)
      .field("lost", totals.lost);
}

void write_name(JsonWriter& json, const segment::StoredSegment& one) {
  json.field("file", one.file)
      .field("sequence", one.name.sequence)
      .field("lane", one.name.lane)
      .field("begun", epoch_seconds(one.name.begun));
}

// --- ls

struct Listed {
  segment::StoredSegment segment;
  std::string_view state;
  segment::SegmentSummary summary;
  std::string problem;  // instead of the summary
};

std::optional<Listed> list_one(const Store& store, const segment::StoredSegment& one) {
  auto summary = segment::summarise_segment(store.path(one.file));
  if (!summary) {
    // It was removed meanwhile, to make room.
    if (summary.error().code == ErrorCode::NotFound) return std::nullopt;
    const bool foreign = summary.error().code == ErrorCode::UnknownFormat ||
                         summary.error().code == ErrorCode::Unsupported;
    return Listed{.segment = one,
                  .state = foreign ? "foreign" : "damaged",
                  .summary = {},
                  .problem = summary.error().context};
  }
  const std::string_view state = summary->sealed ? "sealed" : store.holder ? "open" : "unsealed";
  return Listed{.segment = one, .state = state, .summary = std::move(*summary), .problem = {}};
}

std::string list_as_json(const Store& store, const std::vector<Listed>& listed) {
  JsonWriter json;
  json.begin_object();
  write_store(json, store);
  json.key("segments").begin_array();
  for (const Listed& one : listed) {
    json.begin_object();
    write_name(json, one.segment);
    json.field("state", one.state);
    if (one.problem.empty()) {
      write_totals(json, one.summary.totals, one.summary.file_bytes);
      json.field("recovered", one.summary.recovered).field("cut_bytes", one.summary.cut_bytes);
    } else {
      json.field("problem", one.problem);
    }
    json.end_object();
  }
  json.end_array().end_object();
  return json.text() + "\n";
}

std::string list_as_table(const Store& store, const std::vector<Listed>& listed) {
  constexpr auto kRight = Table::Align::Right;
  Table table{{"SEGMENT"},      {"FIRST (UTC)"},  {"LAST (UTC)"}, {"PACKETS", kRight},
              {"SIZE", kRight}, {"LOST", kRight}, {"STATE"}};
  segment::SegmentTotals sum;
  std::uint64_t bytes = 0;
  std::string problems;
  for (const Listed& one : listed) {
    const segment::SegmentTotals& totals = one.summary.totals;
    if (!one.problem.empty()) {
      table.add({one.segment.file, "", "", "", "", "", std::string(one.state)});
      problems += printable(one.problem) + "\n";
      continue;
    }
    const bool timed = !totals.times.empty();
    table.add({one.segment.file, timed ? utc_millis_text(totals.times.first) : "",
               timed ? utc_millis_text(totals.times.last) : "", count_text(totals.packets),
               bytes_text(static_cast<double>(one.summary.file_bytes)), count_text(totals.lost),
               std::string(one.state)});
    sum.packets += totals.packets;
    sum.lost += totals.lost;
    bytes += one.summary.file_bytes;
  }
  std::string text = table.empty() ? "" : table.text();
  text += problems;
  text += counted(listed.size(), "segment") + ", " + counted(sum.packets, "packet") + ", " +
          bytes_text(static_cast<double>(bytes)) + ", " + count_text(sum.lost) + " lost" +
          used_by(store) + "\n";
  return text;
}

int list(const Store& store, bool json) {
  std::vector<Listed> listed;
  for (const segment::StoredSegment& one : store.listing.segments) {
    if (auto found = list_one(store, one)) listed.push_back(std::move(*found));
  }
  print_out(json ? list_as_json(store, listed) : list_as_table(store, listed));
  return 0;
}

// --- verify

struct Verified {
  segment::StoredSegment segment;
  segment::SegmentReport report;
};

std::optional<Verified> verify_one(const Store& store, const segment::StoredSegment& one) {
  // An engine may have started since.
  const bool in_use = store.holder || segment::StoreLock::holder(store.directory);
  auto report = segment::verify_segment(
      store.path(one.file),
      {.torn_end_expected = in_use, .in_flight_bytes = in_use ? kInFlightBytes : 0});
  Verified verified{.segment = one, .report = {}};
  if (!report) {
    if (report.error().code == ErrorCode::NotFound) return std::nullopt;
    verified.report.state = segment::SegmentState::Damaged;
    verified.report.findings.push_back({.offset = 0, .what = report.error().context});
    return verified;
  }
  verified.report = std::move(*report);
  segment::SegmentReport& found = verified.report;
  // By its name it is a segment of ours.
  if (found.state == segment::SegmentState::Foreign) {
    found.findings.push_back({.offset = 0, .what = found.why_foreign});
  }
  if (found.head && (found.head->facts.sequence != one.name.sequence ||
                     found.head->facts.lane != one.name.lane)) {
    found.state = segment::SegmentState::Damaged;
    found.findings.push_back({.offset = 0,
                              .what = "its head says that it is segment " +
                                      std::to_string(found.head->facts.sequence) + " of lane " +
                                      std::to_string(found.head->facts.lane)});
  }
  return verified;
}

std::string verified_as_json(const Store& store, const std::vector<Verified>& verified) {
  JsonWriter json;
  json.begin_object();
  write_store(json, store);
  json.key("segments").begin_array();
  for (const Verified& one : verified) {
    const segment::SegmentReport& report = one.report;
    json.begin_object();
    write_name(json, one.segment);
    json.field("state", name_of(report.state));
    write_totals(json, report.totals, report.file_bytes);
    json.field("recovered", report.recovered)
        .field("cut_bytes", report.cut_bytes)
        .field("torn_bytes", report.torn_bytes);
    json.key("findings").begin_array();
    for (const segment::Finding& finding : report.findings) {
      json.begin_object().field("offset", finding.offset).field("what", finding.what).end_object();
    }
    json.end_array().field("findings_left_out", report.findings_left_out).end_object();
  }
  json.end_array().end_object();
  return json.text() + "\n";
}

std::string verified_as_text(const Store& store, const std::vector<Verified>& verified,
                             std::uint64_t findings) {
  std::string text;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (const Verified& one : verified) {
    const std::string file = printable(store.path(one.segment.file));
    for (const segment::Finding& finding : one.report.findings) {
      text += file + ": at byte " + std::to_string(finding.offset) + ": " +
              printable(finding.what) + "\n";
    }
    if (one.report.findings_left_out != 0) {
      text += file + ": " + count_text(one.report.findings_left_out) + " more\n";
    }
    packets += one.report.totals.packets;
    bytes += one.report.file_bytes;
  }
  for (const std::string& file : store.listing.foreign) {
    text += "note: " + printable(store.path(file)) + " does not belong to the store\n";
  }
  text += counted(verified.size(), "segment") + ", " + counted(packets, "packet") + ", " +
          bytes_text(static_cast<double>(bytes)) + ": " +
          (findings == 0 ? "good" : counted(findings, "finding")) + used_by(store) + "\n";
  return text;
}

int verify(const Store& store, bool json) {
  std::vector<Verified> verified;
  std::uint64_t findings = 0;
  for (const segment::StoredSegment& one : store.listing.segments) {
    auto found = verify_one(store, one);
    if (!found) continue;
    findings += found->report.findings.size() + found->report.findings_left_out;
    verified.push_back(std::move(*found));
  }
  print_out(json ? verified_as_json(store, verified) : verified_as_text(store, verified, findings));
  return findings == 0 ? 0 : 1;
}

int look_into(const StoreOptions& options, const std::string& directory) {
  using What = StoreOptions::What;
  if (options.what != What::List && options.what != What::Verify) {
    return look_after(options, directory);
  }
  const auto found = look_at(directory);
  if (!found) return report_error(found.error());
  return options.what == What::List ? list(*found, options.json) : verify(*found, options.json);
}

}  // namespace

int store(const StoreOptions& options) {
  int status = 0;
  for (const std::string& directory : options.directories) {
    // JSON: an object on a line for each.
    if (options.directories.size() > 1 && !options.json) print_out(printable(directory) + ":\n");
    status = std::max(status, look_into(options, directory));
  }
  return status;
}

}  // namespace weir::app

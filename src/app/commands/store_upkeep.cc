#include "app/commands/store_upkeep.h"

#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "app/ctl/table.h"
#include "app/ctl/utc_time.h"
#include "app/human.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "output/segment_store.h"
#include "storage/segment/pins.h"
#include "storage/segment/store_directory.h"

namespace weir::app {
namespace {

namespace segment = storage::segment;

void print_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string counted(std::uint64_t count, const char* what) {
  return count_text(count) + " " + what + (count == 1 ? "" : "s");
}

// --- repair

std::string repaired_as_json(const std::string& directory, const output::RecoveryReport& report) {
  JsonWriter json;
  json.begin_object().field("store", directory).key("recovered").begin_array();
  for (const output::RecoveredSegment& one : report.segments) {
    json.begin_object()
        .field("file", one.name)
        .field("packets", one.packets)
        .field("cut_bytes", one.cut_bytes)
        .field("removed", one.removed)
        .end_object();
  }
  json.end_array().key("damaged").begin_array();
  for (const std::string& damage : report.damaged) json.value(damage);
  json.end_array().end_object();
  return json.text() + "\n";
}

int repair(const StoreOptions& options, const std::string& directory) {
  const SystemClock clock;
  auto store = output::SegmentStore::open(directory, clock);
  if (!store) return report_error(store.error());
  const output::RecoveryReport& report = (*store)->recovered();
  if (options.json) {
    print_out(repaired_as_json(directory, report));
  } else {
    for (const output::RecoveredSegment& one : report.segments) print_out(text_of(one) + "\n");
    for (const std::string& damage : report.damaged) print_out(printable(damage) + "\n");
    print_out(counted(report.segments.size(), "segment") + " put in order, " +
              count_text(report.damaged.size()) + " damaged\n");
  }
  return report.damaged.empty() ? 0 : 1;
}

// --- gc

// Keeps what it is told.
class Expired final : public output::StoreWatcher {
 public:
  void segment_expired(const std::string&, const output::ExpiredSegment& segment) override {
    segments.push_back(segment);
  }
  void store_in_trouble(const std::string&, std::string_view sentence) override {
    trouble = true;
    (void)report_error({.code = ErrorCode::Io, .context = std::string(sentence)});
  }
  void store_room(const std::string&, const output::StoreRoom&) override {}  // nobody writes
  std::vector<output::ExpiredSegment> segments;
  bool trouble = false;
};

void print_expired(const StoreOptions& options, const std::string& directory,
                   const std::vector<output::ExpiredSegment>& expired,
                   const output::StoreStatus& left) {
  std::uint64_t bytes = 0;
  for (const output::ExpiredSegment& one : expired) bytes += one.bytes;
  if (!options.json) {
    for (const output::ExpiredSegment& one : expired) print_out(text_of(one) + "\n");
    print_out(counted(expired.size(), "segment") + (options.dry_run ? " would be" : "") +
              " deleted, " + bytes_text(static_cast<double>(bytes)) + "; there are " +
              counted(left.segments, "segment") + ", " +
              bytes_text(static_cast<double>(left.bytes)) + "\n");
    return;
  }
  JsonWriter json;
  json.begin_object()
      .field("store", directory)
      .field("dry_run", options.dry_run)
      .key("deleted")
      .begin_array();
  for (const output::ExpiredSegment& one : expired) {
    json.begin_object()
        .field("file", one.file)
        .field("reason", name_of(one.reason))
        .field("bytes", one.bytes)
        .field("packets", one.packets)
        .end_object();
  }
  json.end_array()
      .field("segments", left.segments)
      .field("bytes", left.bytes)
      .field("free_bytes", left.free_bytes)
      .field("over_bounds_bytes", left.missing_bytes)
      .end_object();
  print_out(json.text() + "\n");
}

int collect(const StoreOptions& options, const std::string& directory) {
  const SystemClock clock;
  Expired expired;
  auto store = output::SegmentStore::open(directory, clock, &expired);
  if (!store) return report_error(store.error());
  output::StoreCatalogue& catalogue = (*store)->catalogue();
  catalogue.set_bounds(options.bounds);
  if (options.dry_run) {
    auto would = catalogue.would_expire();
    if (!would) return report_error(would.error());
    expired.segments = std::move(*would);
  } else {
    catalogue.keep();
  }
  print_expired(options, directory, expired.segments, catalogue.status());
  return expired.trouble ? 1 : 0;
}

// --- pins

std::string text_of_bound(Timestamp bound) {
  const bool open = bound.ns == std::numeric_limits<std::int64_t>::min() ||
                    bound.ns == std::numeric_limits<std::int64_t>::max();
  return open ? "-" : utc_seconds_text(bound);
}

void write_bound(JsonWriter& json, const char* name, Timestamp bound) {
  if (text_of_bound(bound) == "-") {
    json.key(name).null();
  } else {
    json.field(name, epoch_seconds(bound));
  }
}

int list_pins(const StoreOptions& options, const std::string& directory) {
  const auto pins = segment::read_pins(directory);
  if (!pins) return report_error(pins.error());
  if (!options.json) {
    Table table{
        {"PIN", Table::Align::Right}, {"SINCE (UTC)"}, {"UNTIL (UTC)"}, {"SET (UTC)"}, {"NOTE"}};
    for (const segment::Pin& pin : *pins) {
      table.add({std::to_string(pin.id), text_of_bound(pin.since), text_of_bound(pin.until),
                 utc_seconds_text(pin.set), printable(pin.note)});
    }
    print_out(table.empty() ? "no pins\n" : table.text());
    return 0;
  }
  JsonWriter json;
  json.begin_array();
  for (const segment::Pin& pin : *pins) {
    json.begin_object().field("pin", pin.id);
    write_bound(json, "since", pin.since);
    write_bound(json, "until", pin.until);
    json.field("set", epoch_seconds(pin.set)).field("note", pin.note).end_object();
  }
  json.end_array();
  print_out(json.text() + "\n");
  return 0;
}

int pin(const StoreOptions& options, const std::string& directory) {
  segment::Pin wanted = options.pin;
  wanted.set = SystemClock().wall();
  const auto id = segment::add_pin(directory, wanted);
  if (!id) return report_error(id.error());
  print_out(options.json ? "{\"pin\":" + std::to_string(*id) + "}\n"
                         : "pin " + std::to_string(*id) + "\n");
  return 0;
}

int unpin(const StoreOptions& options, const std::string& directory) {
  if (auto removed = segment::remove_pin(directory, options.pin.id); !removed) {
    return report_error(removed.error());
  }
  return 0;
}

}  // namespace

int look_after(const StoreOptions& options, const std::string& directory) {
  using What = StoreOptions::What;
  // None of them makes a store.
  if (auto there = segment::list_store(directory); !there) {
    return report_error(there.error());
  }
  switch (options.what) {
    case What::Repair:
      return repair(options, directory);
    case What::Collect:
      return collect(options, directory);
    case What::Pin:
      return pin(options, directory);
    case What::Unpin:
      return unpin(options, directory);
    default:
      return list_pins(options, directory);
  }
}

}  // namespace weir::app

#include "app/query_report.h"

#include <cstdio>
#include <string_view>

#include "app/ctl/table.h"
#include "app/ctl/utc_time.h"
#include "app/human.h"
#include "base/json_writer.h"
#include "capture/retrieval/answer_notes.h"

namespace weir::app {
namespace {

using capture::retrieval::LookedAt;
using capture::retrieval::name_of;
using capture::retrieval::PaceReport;
using capture::retrieval::QueryCounts;
using capture::retrieval::Sentences;
using capture::retrieval::SkippedBy;
using storage::segment::Column;

std::string counted(std::uint64_t count, const char* what) {
  return count_text(count) + " " + what + (count == 1 ? "" : "s");
}

std::string size_text(std::uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

double seconds_of(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

std::string seconds_text(Duration duration) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.3f s", seconds_of(duration));
  return text;
}

std::string sentences_text(const Sentences& sentences) {
  std::string text;
  for (const std::string& one : sentences.kept()) text += "weir: " + printable(one) + "\n";
  if (sentences.count() > sentences.kept().size()) {
    text += "weir: " + count_text(sentences.count() - sentences.kept().size()) + " more\n";
  }
  return text;
}

// What is missing in the answer, and why.
std::string missing_text(const QueryCounts& counts, const QueryOptions& options) {
  constexpr std::size_t kGapsTold = 8;
  std::string text;
  for (const std::string& one :
       capture::retrieval::missing_sentences(counts, options.window, kGapsTold)) {
    text += "weir: " + printable(one) + "\n";
  }
  return text;
}

std::string order_text(const QueryCounts& counts) {
  if (counts.packets_out_of_order == 0) return "";
  return "weir: " + counted(counts.packets_out_of_order, "packet") +
         " came behind later ones (too many chunks overlap in time)\n";
}

// "time 3, ipv4 60"
std::string reasons_text(const LookedAt& looked) {
  std::string text;
  const auto add = [&text](std::string_view name, std::uint64_t count) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + count_text(count);
  };
  add("time", looked.skipped_by_time);
  for (std::size_t i = 0; i < looked.skipped_by_column.size(); ++i) {
    add(name_of(static_cast<Column>(i)), looked.skipped_by_column[i]);
  }
  return text;
}

std::string looked_text(const char* what, const LookedAt& looked) {
  std::string text = "  " + std::string(what) + ": " + count_text(looked.read) + " of " +
                     count_text(looked.considered) + " read";
  if (const std::string reasons = reasons_text(looked); !reasons.empty()) {
    text += "; skipped by: " + reasons;
  }
  return text + "\n";
}

void write_looked(JsonWriter& json, std::string_view name, const LookedAt& looked) {
  json.key(name)
      .begin_object()
      .field("considered", looked.considered)
      .field("read", looked.read)
      .key("skipped")
      .begin_object();
  if (looked.skipped_by_time != 0) json.field("time", looked.skipped_by_time);
  for (std::size_t i = 0; i < looked.skipped_by_column.size(); ++i) {
    if (looked.skipped_by_column[i] == 0) continue;
    json.field(name_of(static_cast<Column>(i)), looked.skipped_by_column[i]);
  }
  json.end_object().end_object();
}

void write_sentences(JsonWriter& json, std::string_view name, const Sentences& sentences) {
  json.key(name).begin_array();
  for (const std::string& one : sentences.kept()) json.value(one);
  json.end_array();
}

void write_plan(JsonWriter& json, const QueryReport& report) {
  const QueryCounts& counts = report.counts;
  json.key("plan").begin_object().field("index", report.uses_index);
  write_looked(json, "segments", counts.segments);
  json.field("open_segments", counts.open_segments)
      .field("pages", counts.pages)
      .field("pages_read", counts.pages_read);
  write_looked(json, "chunks", counts.chunks);
  json.field("chunks_without_index", counts.chunks_without_index)
      .field("index_bytes", counts.index_bytes)
      .field("chunk_bytes", counts.chunk_bytes)
      .field("packets_examined", counts.packets_examined)
      .field("packets_outside", counts.packets_outside)
      .field("survey_s", seconds_of(report.surveyed))
      .end_object();
}

void write_times(JsonWriter& json, const char* first, const char* last,
                 const storage::segment::TimeSpan& times) {
  if (times.empty()) return;
  json.field(first, epoch_seconds(times.first)).field(last, epoch_seconds(times.last));
}

// Empty: no capture wrote into the stores.
std::string pace_text(const PaceReport& pace) {
  if (!pace.paced) return "";
  const auto rate = [](std::uint64_t rate_bytes) { return size_text(rate_bytes) + "/s"; };
  return "  beside a capture: " + size_text(pace.bytes) + " read from its disk, at most " +
         rate(pace.rate) + " at the end and " + rate(pace.rate_least) + " at the least (" +
         (pace.measured ? "as its writes allow" : "fixed: the disk tells nothing of its writes") +
         "); " + seconds_text(pace.waited) + " waited by all threads\n";
}

void write_pace(JsonWriter& json, const PaceReport& pace) {
  if (!pace.paced) return;
  json.key("pace")
      .begin_object()
      .field("measured", pace.measured)
      .field("bytes", pace.bytes)
      .field("bytes_per_s", pace.rate)
      .field("least_bytes_per_s", pace.rate_least)
      .field("waited_s", seconds_of(pace.waited))
      .end_object();
}

void write_lost(JsonWriter& json, const QueryCounts& counts) {
  json.key("lost").begin_object().field("packets", counts.lost.packets);
  write_times(json, "first", "last", counts.lost.times);
  json.key("gaps").begin_array();
  for (const capture::retrieval::LossGap& gap : counts.lost.gaps) {
    json.begin_object().field("packets", gap.packets);
    write_times(json, "first", "last", gap.times);
    json.end_object();
  }
  json.end_array().end_object();
}

void write_expired(JsonWriter& json, const capture::retrieval::Expired& expired) {
  json.key("expired")
      .begin_object()
      .field("segments", expired.segments)
      .field("packets", expired.packets)
      .field("packets_at_most", expired.packets_at_most)
      .field("uncounted_segments", expired.uncounted)
      .field("unknown_records", expired.unknown);
  write_times(json, "first", "last", expired.times);
  write_times(json, "deleted_from", "deleted_until", expired.deleted);
  json.key("reasons").begin_object();
  for (std::size_t i = 0; i < expired.by_reason.size(); ++i) {
    if (expired.by_reason[i] == 0) continue;
    json.field(name_of(static_cast<storage::segment::DeletionReason>(i)), expired.by_reason[i]);
  }
  json.end_object().end_object();
}

void write_growing(JsonWriter& json, const capture::retrieval::Growing& growing) {
  json.key("growing").begin_object().field("segments", growing.segments);
  if (growing.segments != 0) json.field("until", epoch_seconds(growing.until));
  json.end_object();
}

}  // namespace

std::string query_summary(const QueryReport& report) {
  const QueryCounts& counts = report.counts;
  std::string text = "weir: found " + counted(report.accepted, "packet") + ", " +
                     size_text(report.accepted_bytes) + ", among " +
                     count_text(counts.packets_examined) + " in " + count_text(counts.chunks.read) +
                     " of " + counted(counts.chunks.considered, "chunk") + " (" +
                     seconds_text(report.elapsed) + ")\n";
  text += written_lines(report.outputs);
  if (!report.uses_index && !report.options->filter.empty()) {
    text +=
        "weir: the index tells nothing of this expression: every chunk of the asked time was "
        "read\n";
  }
  return text + order_text(counts) + sentences_text(counts.notes) +
         missing_text(counts, *report.options);
}

std::string store_notes(const QueryCounts& counts) {
  return order_text(counts) + sentences_text(counts.notes) + missing_text(counts, {});
}

std::string query_missing(const QueryReport& report) {
  return missing_text(report.counts, *report.options);
}

std::string query_explanation(const QueryReport& report) {
  const QueryCounts& counts = report.counts;
  std::string text = "plan, as it ran:\n";
  text += looked_text("segments", counts.segments);
  if (counts.open_segments != 0) {
    text += "  not sealed: " + counted(counts.open_segments, "segment") +
            ", read up to the last whole chunk\n";
  }
  text += "  index pages: " + count_text(counts.pages_read) + " of " + count_text(counts.pages) +
          " read\n";
  text += looked_text("chunks", counts.chunks);
  if (counts.chunks_without_index != 0) {
    text += "  chunks of which no index tells: " + count_text(counts.chunks_without_index) + "\n";
  }
  text += "  bytes read: " + size_text(counts.index_bytes) + " of the index, " +
          size_text(counts.chunk_bytes) + " of chunks\n";
  text += "  packets: " + count_text(counts.packets_examined) + " examined, " +
          count_text(counts.packets_outside) + " outside the asked time, " +
          count_text(counts.packets_matched) + " matched\n";
  text += pace_text(counts.pace);
  text += "  time: " + seconds_text(report.surveyed) + " until the first chunk could be read, " +
          seconds_text(report.elapsed) + " in all\n";
  return text;
}

std::string query_json(const QueryReport& report) {
  const QueryOptions& options = *report.options;
  const QueryCounts& counts = report.counts;
  JsonWriter json;
  json.begin_object().key("stores").begin_array();
  for (const std::string& store : options.stores) json.value(store);
  json.end_array()
      .field("filter", options.filter)
      .field("packets", report.accepted)
      .field("bytes", report.accepted_bytes)
      .field("complete", report.complete())
      .field("limited", report.limited)
      .field("out_of_order", counts.packets_out_of_order);
  write_lost(json, counts);
  write_expired(json, counts.expired);
  write_growing(json, counts.growing);
  write_sentences(json, "damaged", counts.damaged);
  json.field("damaged_packets", counts.packets_damaged);
  write_sentences(json, "deleted", counts.gone);
  write_sentences(json, "unsealed", counts.unsealed);
  write_sentences(json, "notes", counts.notes);
  json.key("outputs").begin_array();
  for (const SinkReport& sink : report.outputs) {
    json.begin_object()
        .field("path", sink.path)
        .field("written", sink.written)
        .field("written_bytes", sink.written_bytes)
        .end_object();
  }
  json.end_array().field("elapsed_s", seconds_of(report.elapsed));
  write_pace(json, counts.pace);
  if (options.explain) write_plan(json, report);
  if (report.error) json.field("error", report.error->context);
  json.end_object();
  return json.text() + "\n";
}

}  // namespace weir::app

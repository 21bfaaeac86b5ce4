#include "telemetry/metrics_document.h"

#include <string_view>

#include "telemetry/event.h"
#include "telemetry/metric_names.h"
#include "telemetry/text.h"

namespace weir::telemetry {
namespace {

constexpr std::string_view kMetrics = R"(# Metrics and events

What a running engine says of itself. This page is generated from the tables that it is said by
(`src/telemetry/metric_names.cc`, `src/telemetry/event.cc`;
`tests/telemetry/metrics_document_test.cc` says how).

## Metrics

Prometheus' text exposition, on the control socket and, where the configuration says so, on a
loopback port. The words are the ledger's ([architecture.md](architecture.md)); the values of
`reason` stand in [errors.md](errors.md). Counters only grow and begin at 0 when the engine starts,
or with the session that they belong to. Whole numbers are exact. Sessions are never added up: the
capture has a row of its own, in which a packet counts once, whoever wants it. `stable` metrics
keep name, labels and meaning.

| metric | type | unit | labels | meaning | stability |
|---|---|---|---|---|---|
)";

constexpr std::string_view kHistograms = R"(
Buckets of the histograms:

| histogram | upper bounds |
|---|---|
)";

constexpr std::string_view kEvents = R"(
## Events

What happened, as `weir ctl events` and the event stream tell it: one JSON object each, with `id`,
`time`, `module`, `kind`, `severity`, `text` and `fields`. Ids count from 1 in the life of one
engine. The engine remembers the last 4096; who listens too slowly is told how many it missed. The
severity below is the usual one; fields are strings, and there is none where nothing is to be said.

| kind | severity | fields | meaning |
|---|---|---|---|
)";

std::string list_of_labels(const MetricInfo& info) {
  std::string list;
  for (std::size_t i = 0; i < info.label_count(); ++i)
    list.append(i == 0 ? "`" : ", `").append(info.labels[i]).append("`");
  return list;
}

void append_row(std::string& out, const MetricInfo& info) {
  out.append("| `").append(info.name).append("` | ").append(name_of(info.type));
  out.append(" | ").append(info.unit).append(" | ").append(list_of_labels(info));
  out.append(" | ").append(info.help).append(" | ").append(name_of(info.stability)).append(" |\n");
}

void append_bounds(std::string& out, const MetricInfo& info) {
  out.append("| `").append(info.name).append("` | ");
  for (std::size_t i = 0; i < info.bounds->size(); ++i) {
    out.append(i == 0 ? "" : ", ");
    append_decimal(out, info.bounds->upper(i), info.bounds->decimals());
  }
  out.append(info.unit.empty() ? "" : " ").append(info.unit).append(" |\n");
}

}  // namespace

std::string metrics_document() {
  std::string out(kMetrics);
  for (const MetricInfo& info : metric_table()) append_row(out, info);
  out += kHistograms;
  for (const MetricInfo& info : metric_table()) {
    if (info.bounds != nullptr) append_bounds(out, info);
  }
  out += kEvents;
  for (const EventKindInfo& info : event_kind_table()) {
    out.append("| `").append(info.name).append("` | ").append(name_of(info.severity));
    out.append(" | ").append(info.fields).append(" | ").append(info.meaning).append(" |\n");
  }
  return out;
}

}  // namespace weir::telemetry

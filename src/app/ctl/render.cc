#include "app/ctl/render.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "app/ctl/table.h"
#include "app/ctl/utc_time.h"
#include "app/human.h"

namespace weir::app {
namespace {

constexpr Table::Align kRight = Table::Align::Right;

std::string size_text(std::uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

std::uint64_t sum(const control::Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& reason) { return sum + reason.second; });
}

// "12 (kernel 10, stop 2)", or "0".
std::string reasons_text(const control::Counts& counts) {
  std::string text = count_text(sum(counts));
  std::string reasons;
  for (const auto& [reason, count] : counts) {
    reasons += (reasons.empty() ? "" : ", ") + reason + " " + count_text(count);
  }
  return reasons.empty() ? text : text + " (" + reasons + ")";
}

// " = 0.02 % of what was received", or nothing.
std::string share_text(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || whole == 0) return "";
  std::array<char, 48> text{};
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  std::snprintf(text.data(), text.size(), " = %.2g %% of what was received", percent);
  return text.data();
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// "name      value", one a line.
class Lines {
 public:
  void add(const char* name, const std::string& value) {
    std::array<char, 16> column{};
    std::snprintf(column.data(), column.size(), "%-12s", name);
    text_ += column.data() + printable(value) + "\n";
  }
  void add_unless_empty(const char* name, const std::string& value) {
    if (!value.empty()) add(name, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

template <typename Row>
void add_ledger(Lines& lines, const Row& row) {
  lines.add("received", count_text(row.received) + " packets, " + size_text(row.received_bytes));
  lines.add("accepted", count_text(row.accepted) + " packets, " + size_text(row.accepted_bytes));
  lines.add("rejected", reasons_text(row.rejected));
  lines.add("dropped", reasons_text(row.dropped) + share_text(sum(row.dropped), row.received));
}

std::uint64_t lost_by_outputs(const control::SessionStatus& session) {
  return std::accumulate(session.outputs.begin(), session.outputs.end(), std::uint64_t{0},
                         [](std::uint64_t lost, const control::OutputStatus& output) {
                           return lost + sum(output.lost);
                         });
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  // Counters are whole numbers, also large ones.
  const bool whole = std::floor(value) == value && std::fabs(value) < 1e15;
  const auto [end, status] = whole ? std::to_chars(text.data(), text.data() + text.size(),
                                                   static_cast<std::int64_t>(value))
                                   : std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

std::string packets_text(std::uint64_t count) {
  return count_text(count) + (count == 1 ? " packet" : " packets");
}

bool has_ended(const control::QueryStatus& query) { return query.ended != Timestamp{}; }

std::string progress_text(const control::QueryStatus& query) {
  if (query.total_bytes == 0) return has_ended(query) ? "100 %" : "0 %";
  return std::to_string(query.read_bytes * 100 / query.total_bytes) + " %";
}

std::string series_name(const control::HistorySeries& series) {
  std::string labels;
  for (const auto& [name, value] : series.labels) {
    labels += labels.empty() ? "" : ",";
    labels.append(name).append("=\"").append(value).append("\"");
  }
  return series.metric + (labels.empty() ? "" : "{" + labels + "}");
}

}  // namespace

std::string text_of(const control::EngineStatus& status) {
  Lines lines;
  lines.add("engine", "weir " + status.version + ", " + status.state + " (pid " +
                          std::to_string(status.pid) + ")");
  lines.add("since", utc_seconds_text(status.started) + " UTC");
  lines.add("generation", std::to_string(status.generation));
  lines.add("sessions", std::to_string(status.sessions));
  add_ledger(lines, status);
  lines.add("in flight", count_text(status.in_flight));
  std::string text = lines.take();
  if (!status.modules.empty()) text += "\n" + text_of(status.modules);
  return text;
}

std::string text_of(const std::vector<control::ModuleStatus>& modules) {
  Table table{{"MODULE"}, {"STATE"}, {"HEALTH"}, {"REASON"}};
  for (const control::ModuleStatus& module : modules) {
    table.add({module.name, module.state, module.health, module.reason});
  }
  return table.text();
}

std::string text_of(const std::vector<control::SessionStatus>& sessions) {
  if (sessions.empty()) return "no sessions\n";
  Table table{{"SESSION"},
              {"STATE"},
              {"ACCEPTED", kRight},
              {"BYTES", kRight},
              {"REJECTED", kRight},
              {"DROPPED", kRight},
              {"LOST", kRight},
              {"SINCE (UTC)"},
              {"FILTER"}};
  for (const control::SessionStatus& session : sessions) {
    table.add({session.name, session.state, count_text(session.accepted),
               size_text(session.accepted_bytes), count_text(sum(session.rejected)),
               count_text(sum(session.dropped)), count_text(lost_by_outputs(session)),
               utc_seconds_text(session.since), session.filter});
  }
  std::string text = table.text();
  for (const control::SessionStatus& session : sessions) {
    if (!session.error.empty()) text += printable(session.name + ": " + session.error) + "\n";
  }
  return text;
}

std::string text_of(const control::SessionStatus& session) {
  Lines lines;
  lines.add("session", session.name);
  lines.add("state", session.state);
  lines.add_unless_empty("error", session.error);
  lines.add("since", utc_seconds_text(session.since) + " UTC");
  lines.add("origin", session.origin + ", generation " + std::to_string(session.generation));
  lines.add("interfaces", session.interfaces.empty() ? "all" : joined(session.interfaces, ", "));
  lines.add("filter", session.filter.empty()
                          ? "everything"
                          : session.filter + (session.inner ? " (of the innermost frame)" : ""));
  lines.add("snaplen", session.snaplen == 0 ? "whole packets" : std::to_string(session.snaplen));
  lines.add("priority", std::to_string(session.priority));
  lines.add_unless_empty("relief", session.relief);
  add_ledger(lines, session);
  std::string text = lines.take();
  Table outputs{{"OUTPUT"}, {"WRITTEN", kRight}, {"BYTES", kRight}, {"PENDING", kRight}, {"LOST"},
                {"PATH"}};
  for (const control::OutputStatus& output : session.outputs) {
    outputs.add({output.kind, count_text(output.written), size_text(output.written_bytes),
                 count_text(output.pending), reasons_text(output.lost), output.path});
  }
  if (!outputs.empty()) text += "\n" + outputs.text();
  Table rules{{"RULE"}, {"ACTION"}, {"PACKETS", kRight}, {"BYTES", kRight}};
  for (const control::RuleStatus& rule : session.rules) {
    rules.add({rule.name, rule.action, count_text(rule.packets), size_text(rule.bytes)});
  }
  if (!rules.empty()) text += "\n" + rules.text();
  return text;
}

std::string text_of(const std::vector<control::InterfaceStatus>& interfaces) {
  if (interfaces.empty()) return "no interfaces\n";
  Table table{{"INTERFACE"},
              {"STATE"},
              {"MODE"},
              {"WORKERS", kRight},
              {"FILTER"},
              {"RECEIVED", kRight},
              {"BYTES", kRight},
              {"ACCEPTED", kRight},
              {"REJECTED", kRight},
              {"IN FLIGHT", kRight},
              {"DROPPED"}};
  for (const control::InterfaceStatus& one : interfaces) {
    table.add({one.name, one.state, one.mode, std::to_string(one.workers), one.filter_place,
               count_text(one.received), size_text(one.received_bytes), count_text(one.accepted),
               count_text(sum(one.rejected)), count_text(one.in_flight),
               reasons_text(one.dropped)});
  }
  return table.text();
}

std::string text_of(const control::SecurityStatus& security) {
  constexpr std::size_t kShown = 16;
  Lines lines;
  lines.add("refused", reasons_text(security.refused_sources));
  lines.add("looked at", security.filter_place != "kernel" ? "every packet"
                         : security.below_counted
                             ? "what the kernel's filter lets through; the rest is kernel_filter"
                             : "what the kernel's filter lets through; the rest is not counted");
  if (security.source_rules.empty()) lines.add("rules", "none: packets may come from anywhere");
  for (const control::SourceRulesStatus& rules : security.source_rules) {
    lines.add("rules of", rules.origin);
    if (rules.block) lines.add("  block", "everything");
    const auto add_list = [&](const char* name, std::vector<std::string> list) {
      const std::size_t more = list.size() > kShown ? list.size() - kShown : 0;
      list.resize(list.size() - more);
      if (more != 0) list.push_back(count_text(more) + " more");
      lines.add_unless_empty(name, joined(list, ", "));
    };
    add_list("  ifaces", rules.interfaces);
    add_list("  macs", rules.macs);
    add_list("  nets", rules.nets);
    add_list("  vnis", rules.vnis);
    add_list("  endpoints", rules.gwlb_endpoints);
    add_list("  deny macs", rules.deny_macs);
    add_list("  deny nets", rules.deny_nets);
    add_list("  deny vnis", rules.deny_vnis);
  }
  return lines.take();
}

std::string text_of(const control::PressureStatus& status) {
  std::string text = status.enabled ? "" : "pressure.enabled is false: nothing is done\n\n";
  Table places{{"RESOURCE"}, {"PLACE"},       {"LEVEL"},   {"FILL", kRight},
               {"STEP"},     {"SINCE (UTC)"}, {"SESSIONS"}};
  for (const control::PressurePlace& one : status.places) {
    places.add({one.resource, one.place, one.level, std::to_string(one.fill) + "%",
                std::to_string(one.step) + " of " + std::to_string(one.steps),
                utc_seconds_text(one.since), joined(one.sessions, ", ")});
  }
  if (!places.empty()) text += places.text();
  Table sessions{{"SESSION"}, {"PRIORITY", kRight}, {"RELIEF"}, {"SINCE (UTC)"}};
  for (const control::SessionRelief& one : status.sessions) {
    sessions.add({one.session, std::to_string(one.priority),
                  one.relief.empty() ? "none" : one.relief,
                  one.since == Timestamp{} ? "" : utc_seconds_text(one.since)});
  }
  if (!sessions.empty()) text += "\n" + sessions.text();
  return text;
}

std::string text_of(const std::vector<control::GenerationStatus>& generations) {
  if (generations.empty()) return "no generations\n";
  Table table{{"GENERATION", kRight}, {"WHEN (UTC)"}, {"PACKETS", kRight}, {"WHO"}, {"WHY"}};
  for (const control::GenerationStatus& one : generations) {
    table.add({(one.current ? "* " : "") + std::to_string(one.number), utc_seconds_text(one.when),
               count_text(one.packets), one.who, one.why});
  }
  return table.text();
}

std::string text_of(const HealthAnswer& health) {
  std::string text = printable(health.health + " (the engine: " + health.state + ")") + "\n";
  if (!health.modules.empty()) text += "\n" + text_of(health.modules);
  return text;
}

std::string text_of(const control::CommandResult& result) {
  std::string text = printable(result.message.empty() ? "done" : result.message) + " (generation " +
                     std::to_string(result.generation) + ")\n";
  if (!result.needs_restart.empty()) {
    text += "waits for a restart of the engine: " + printable(joined(result.needs_restart, ", ")) +
            "\n";
  }
  return text;
}

std::string text_of(const control::JournalRow& row) {
  std::string text = utc_millis_text(row.when) + "  " + row.machine + ": " + row.from + " -> " +
                     row.to + " (" + row.event + ")";
  if (!row.who.empty()) text += " by " + row.who;
  if (!row.why.empty()) text += ": " + row.why;
  return printable(text) + "\n";
}

std::string text_of(const std::vector<control::HistorySeries>& series) {
  if (series.empty()) return "no values in this time\n";
  std::string text;
  for (const control::HistorySeries& one : series) {
    text += (text.empty() ? "" : "\n") + printable(series_name(one)) + "\n";
    Table table{{"TIME (UTC)"}, {"VALUE", kRight}};
    for (const auto& [when, value] : one.points) {
      table.add({utc_seconds_text(when), number_text(value)});
    }
    text += table.text();
  }
  return text;
}

std::string text_of(const EventAnswer& event) {
  std::string fields;
  for (const auto& [name, value] : event.fields) {
    fields += fields.empty() ? "" : ", ";
    fields.append(name).append("=").append(value);
  }
  const std::string text = utc_millis_text(event.time) + "  " + event.severity + "  " +
                           event.module + ": " + event.text +
                           (fields.empty() ? "" : " (" + fields + ")");
  return printable(text) + "\n";
}

std::string text_of(const std::vector<control::QueryStatus>& queries) {
  if (queries.empty()) return "no queries\n";
  Table table{{"ID", kRight},      {"STATE"},         {"SESSION"},      {"WHO"},
              {"PACKETS", kRight}, {"BYTES", kRight}, {"READ", kRight}, {"COMPLETE"},
              {"BEGUN (UTC)"},     {"FILTER"}};
  for (const control::QueryStatus& query : queries) {
    table.add({std::to_string(query.id), query.state, query.session, query.who,
               count_text(query.packets), size_text(query.bytes), progress_text(query),
               has_ended(query) ? (query.complete ? "yes" : "no") : "",
               utc_seconds_text(query.begun), query.filter});
  }
  return table.text();
}

std::string text_of(const control::QueryStatus& query) {
  Lines lines;
  lines.add("query", std::to_string(query.id) + ", " + query.state);
  lines.add("who", query.who);
  lines.add("session", query.session);
  lines.add_unless_empty("filter", query.filter);
  lines.add("begun", utc_seconds_text(query.begun) + " UTC");
  lines.add("packets", count_text(query.packets) + ", " + size_text(query.bytes));
  lines.add("read", progress_text(query));
  lines.add_unless_empty("error", query.error);
  return lines.take();
}

std::string text_of(const control::PolicyStatus& policy) {
  const control::ThreatStatus& threat = policy.threat;
  Lines lines;
  lines.add("policy", policy.version == 0
                          ? policy.state
                          : "version " + std::to_string(policy.version) + ", " + policy.state);
  lines.add_unless_empty("path", policy.path);
  if (policy.version != 0) {
    lines.add("issued", utc_seconds_text(policy.issued) + " UTC");
    lines.add("expires", utc_seconds_text(policy.expires) + " UTC");
    lines.add("digest", policy.digest);
    lines.add("in force",
              "tables up to " + policy.level + (policy.block ? ", nothing is let in" : ""));
  }
  if (!policy.refused.empty()) lines.add("refused", reasons_text(policy.refused));
  lines.add_unless_empty("refusal", policy.refusal);
  lines.add("threat",
            threat.level +
                (threat.since.ns == 0 ? "" : ", since " + utc_seconds_text(threat.since) + " UTC"));
  lines.add_unless_empty("why", threat.why);
  lines.add("lately", count_text(threat.malformed) + " of " + packets_text(threat.received) +
                          " malformed, " + count_text(threat.refused_sources) +
                          " of refused sources; " + count_text(threat.refused_requests) +
                          " refused requests, " + count_text(threat.policy_refusals) +
                          " refused policies");
  return lines.take();
}

std::string summary_of(const control::QueryStatus& query) {
  std::string text = "weir: found " + packets_text(query.packets) + ", " + size_text(query.bytes) +
                     " (query " + std::to_string(query.id) + ", " + query.state + ")\n";
  const auto add = [&text](const std::string& line) { text += "weir: " + printable(line) + "\n"; };
  if (query.limited) add("there may be more packets: -c ended it");
  for (const auto* lines : {&query.notes, &query.missing}) {
    for (const std::string& line : *lines) add(line);
  }
  if (query.out_of_order != 0) {
    add(packets_text(query.out_of_order) + " came behind later ones");
  }
  if (!query.error.empty()) add("the answer is not whole: " + query.error);
  return text;
}

}  // namespace weir::app

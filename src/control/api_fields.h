// How the API's structs look as JSON, said once: answers are written, requests are read and the
// schemas of the OpenAPI document are made from these lists.
//
// Schema<T>::fields(visitor, value) calls visitor.field(name, value.member, meaning) for each
// member, in the order in which they are written.
#pragma once

#include <string_view>

#include "control/api_events.h"
#include "control/api_types.h"
#include "control/engine_control.h"

namespace weir::control {

template <typename T>
struct Schema;

template <typename T>
concept Described = requires { Schema<T>::kName; };

template <>
struct Schema<OutputStatus> {
  static constexpr std::string_view kName = "Output";
  static void fields(auto& v, auto& x) {
    v.field("kind", x.kind, "pcapng, store or log");
    v.field("path", x.path, "where it writes; a store has an output for each of its directories");
    v.field("offered", x.offered, "packets, or records of a log: written + lost + pending");
    v.field("written", x.written, "of these, stored");
    v.field("written_bytes", x.written_bytes, "bytes in its files");
    v.field("pending", x.pending, "on their way");
    v.field("spilled", x.spilled, "packets that waited in the spill queue of a pipe, until now");
    v.field("lost", x.lost, "not stored, by reason");
  }
};

template <>
struct Schema<RuleStatus> {
  static constexpr std::string_view kName = "Rule";
  static void fields(auto& v, auto& x) {
    v.field("name", x.name, "of the rule");
    v.field("action", x.action, "what becomes of its packets");
    v.field("packets", x.packets, "that it matched");
    v.field("bytes", x.bytes, "of these, on the wire");
  }
};

template <>
struct Schema<SessionStatus> {
  static constexpr std::string_view kName = "Session";
  static void fields(auto& v, auto& x) {
    v.field("name", x.name, "of the session");
    v.field("state", x.state, "of its machine: running, paused, ...");
    v.field("origin", x.origin, "who made it: config, api or tail");
    v.field("interfaces", x.interfaces, "where its packets come from");
    v.field("filter", x.filter, "pcap-filter expression; empty: every packet");
    v.field("inner", x.inner, "whether the filter sees the innermost frame");
    v.field("snaplen", x.snaplen, "bytes kept of a packet; 0: all");
    v.field("priority", x.priority, "under pressure the lowest does with less first");
    v.field("relief", x.relief, "what it does with less of under pressure; empty: nothing");
    v.field("generation", x.generation, "of the configuration that changed it last");
    v.field("since", x.since, "when it began, or was resumed after a restart of the engine");
    v.field("received", x.received, "packets: accepted + rejected + dropped");
    v.field("received_bytes", x.received_bytes, "of these, on the wire");
    v.field("accepted", x.accepted, "packets that it kept");
    v.field("accepted_bytes", x.accepted_bytes, "of these, on the wire");
    v.field("truncated", x.truncated, "of these, packets that are kept shortened");
    v.field("rejected", x.rejected, "packets turned away, by reason");
    v.field("dropped", x.dropped, "packets that it wanted and lost, by reason");
    v.field("outputs", x.outputs, "where its packets go");
    v.field("rules", x.rules, "in their order");
    v.field("error", x.error, "why it failed; empty: it did not");
  }
};

template <>
struct Schema<PressurePlace> {
  static constexpr std::string_view kName = "PressurePlace";
  static void fields(auto& v, auto& x) {
    v.field("resource", x.resource, "cpu, output or memory");
    v.field("place", x.place,
            "pipe PATH, disk MAJOR:MINOR, store PATH, flows SESSION; empty: all of the resource");
    v.field("level", x.level, "normal, elevated, high or critical");
    v.field("since", x.since, "when it came to this level");
    v.field("fill", x.fill, "how much of it is taken, in percent");
    v.field("step", x.step, "steps of the ladder that are taken, over all priorities");
    v.field("steps", x.steps, "that there are: those of the ladder for each priority");
    v.field("sessions", x.sessions, "that can be relieved for it, lowest priority first");
  }
};

template <>
struct Schema<SessionRelief> {
  static constexpr std::string_view kName = "Relief";
  static void fields(auto& v, auto& x) {
    v.field("session", x.session, "its name");
    v.field("priority", x.priority, "the lowest does with less first");
    v.field("relief", x.relief, "what it does with less of: truncate 128, sample 1/2; empty: none");
    v.field("since", x.since, "when it came to this; 0: it was never relieved");
  }
};

template <>
struct Schema<PressureStatus> {
  static constexpr std::string_view kName = "Pressure";
  static void fields(auto& v, auto& x) {
    v.field("enabled", x.enabled, "false: levels are told of, and nothing is done");
    v.field("places", x.places, "where something can become short");
    v.field("sessions", x.sessions, "lowest priority first");
  }
};

template <>
struct Schema<InterfaceStatus> {
  static constexpr std::string_view kName = "Interface";
  static void fields(auto& v, auto& x) {
    v.field("name", x.name, "of the network interface");
    v.field("state", x.state, "up, down or gone");
    v.field("mode", x.mode, "how packets are taken: afpacket");
    v.field("workers", x.workers, "threads that read from it");
    v.field("filter_place", x.filter_place, "where most of the filtering happens: user or kernel");
    v.field("received", x.received, "packets: accepted + rejected + dropped + in_flight");
    v.field("received_bytes", x.received_bytes, "of these, on the wire");
    v.field("accepted", x.accepted, "packets that at least one session kept");
    v.field("rejected", x.rejected, "packets that no session wanted, by reason");
    v.field("dropped", x.dropped, "packets lost, by reason");
    v.field("in_flight", x.in_flight, "packets that are being decided on");
  }
};

template <>
struct Schema<ModuleStatus> {
  static constexpr std::string_view kName = "Module";
  static void fields(auto& v, auto& x) {
    v.field("name", x.name, "of the module or worker");
    v.field("state", x.state, "of its machine");
    v.field("health", x.health, "ok, late, stalled or failing");
    v.field("reason", x.reason, "why it is not ok; empty: it is");
  }
};

template <>
struct Schema<EngineStatus> {
  static constexpr std::string_view kName = "Status";
  static void fields(auto& v, auto& x) {
    v.field("version", x.version, "of weir");
    v.field("state", x.state, "of the engine's machine");
    v.field("pid", x.pid, "the engine's process");
    v.field("started", x.started, "when the engine began");
    v.field("generation", x.generation, "of the configuration in force");
    v.field("sessions", x.sessions, "how many there are");
    v.field("received", x.received, "packets: accepted + rejected + dropped + in_flight");
    v.field("received_bytes", x.received_bytes, "of these, on the wire");
    v.field("accepted", x.accepted, "packets that at least one session kept");
    v.field("accepted_bytes", x.accepted_bytes, "of these, on the wire");
    v.field("rejected", x.rejected, "packets that no session wanted, by reason");
    v.field("dropped", x.dropped, "packets lost, by reason");
    v.field("in_flight", x.in_flight, "packets that are being decided on");
    v.field("modules", x.modules, "and workers, with their health");
  }
};

template <>
struct Schema<SourceRulesStatus> {
  static constexpr std::string_view kName = "SourceRules";
  static void fields(auto& v, auto& x) {
    v.field("origin", x.origin, "who made them: config");
    v.field("block", x.block, "true: everything is refused");
    v.field("interfaces", x.interfaces, "that packets may come from; empty: all");
    v.field("macs", x.macs, "outermost source MAC addresses that may be; empty: all");
    v.field("nets", x.nets, "outermost source addresses that may be; empty: all");
    v.field("vnis", x.vnis, "numbers and ranges that may be; empty: all");
    v.field("gwlb_endpoints", x.gwlb_endpoints, "that may be; empty: all");
    v.field("deny_macs", x.deny_macs, "that are refused");
    v.field("deny_nets", x.deny_nets, "that are refused");
    v.field("deny_vnis", x.deny_vnis, "that are refused");
  }
};

template <>
struct Schema<SecurityStatus> {
  static constexpr std::string_view kName = "Security";
  static void fields(auto& v, auto& x) {
    v.field("refused_sources", x.refused_sources,
            "packets from where none may come, by kind: blocked, interface, mac, address, vni, "
            "endpoint");
    v.field("filter_place", x.filter_place,
            "user or kernel: sources of what the kernel's filter leaves out are not looked at, "
            "for no session wants these packets");
    v.field("below_counted", x.below_counted,
            "whether these are counted, as rejected by kernel_filter");
    v.field("source_rules", x.source_rules, "in force; all of them must allow a packet");
  }
};

template <>
struct Schema<GenerationStatus> {
  static constexpr std::string_view kName = "Generation";
  static void fields(auto& v, auto& x) {
    v.field("number", x.number, "rising");
    v.field("when", x.when, "it came into force");
    v.field("who", x.who, "asked for it");
    v.field("why", x.why, "it came: start, reload, rollback to 3, ...");
    v.field("packets", x.packets, "that were judged under it since the engine started");
    v.field("current", x.current, "whether it is in force");
  }
};

template <>
struct Schema<JournalRow> {
  static constexpr std::string_view kName = "Transition";
  static void fields(auto& v, auto& x) {
    v.field("id", x.id, "rising");
    v.field("when", x.when, "it happened");
    v.field("machine", x.machine, "engine, session NAME, command, ...");
    v.field("from", x.from, "state");
    v.field("event", x.event, "that moved it");
    v.field("to", x.to, "state");
    v.field("who", x.who, "asked for it");
    v.field("why", x.why, "in words");
  }
};

template <>
struct Schema<HistorySeries> {
  static constexpr std::string_view kName = "Series";
  static void fields(auto& v, auto& x) {
    v.field("metric", x.metric, "name of the metric");
    v.field("labels", x.labels, "of this series");
    v.field("points", x.points, "pairs of seconds since 1970 and value; null: not finite");
  }
};

template <>
struct Schema<CommandResult> {
  static constexpr std::string_view kName = "CommandResult";
  static void fields(auto& v, auto& x) {
    v.field("id", x.id, "of the command in the journal");
    v.field("generation", x.generation, "of the configuration now in force");
    v.field("message", x.message, "what was done");
    v.field("needs_restart", x.needs_restart,
            "keys whose new value waits for a restart of the engine");
  }
};

template <>
struct Schema<ApiEvent> {
  static constexpr std::string_view kName = "Event";
  static void fields(auto& v, auto& x) {
    v.field("id", x.id, "rising");
    v.field("time", x.time, "it happened");
    v.field("module", x.module, "that tells");
    v.field("kind", x.kind, "of event");
    v.field("severity", x.severity, "error, warning, info or debug");
    v.field("text", x.text, "in words");
    v.field("fields", x.fields, "details");
  }
};

template <>
struct Schema<SessionList> {
  static constexpr std::string_view kName = "SessionList";
  static void fields(auto& v, auto& x) { v.field("sessions", x.sessions, "all there are"); }
};

template <>
struct Schema<InterfaceList> {
  static constexpr std::string_view kName = "InterfaceList";
  static void fields(auto& v, auto& x) {
    v.field("interfaces", x.interfaces, "that the engine reads from");
  }
};

template <>
struct Schema<GenerationList> {
  static constexpr std::string_view kName = "GenerationList";
  static void fields(auto& v, auto& x) {
    v.field("generations", x.generations, "that are kept; a rollback can return to them");
  }
};

template <>
struct Schema<JournalPage> {
  static constexpr std::string_view kName = "JournalPage";
  static void fields(auto& v, auto& x) {
    v.field("journal", x.journal, "newest first");
    v.field("next", x.next, "the parameter before of the next page; 0: there is none");
  }
};

template <>
struct Schema<HistoryAnswer> {
  static constexpr std::string_view kName = "History";
  static void fields(auto& v, auto& x) { v.field("series", x.series, "one for each label set"); }
};

template <>
struct Schema<HealthAnswer> {
  static constexpr std::string_view kName = "Health";
  static void fields(auto& v, auto& x) {
    v.field("health", x.health, "the worst of the modules: ok, late, stalled or failing");
    v.field("state", x.state, "of the engine's machine");
    v.field("modules", x.modules, "that are not ok");
  }
};

template <>
struct Schema<IndexAnswer> {
  static constexpr std::string_view kName = "Index";
  static void fields(auto& v, auto& x) {
    v.field("name", x.name, "weir");
    v.field("version", x.version, "of weir");
    v.field("paths", x.paths, "that are served");
  }
};

template <>
struct Schema<QueryLoss> {
  static constexpr std::string_view kName = "QueryLoss";
  static void fields(auto& v, auto& x) {
    v.field("packets", x.packets, "that the capture lost in the asked time");
    v.field("first", x.first, "of the chunks that tell of them; 0: there are none");
    v.field("last", x.last, "of these chunks");
  }
};

template <>
struct Schema<QueryStatus> {
  static constexpr std::string_view kName = "Query";
  static void fields(auto& v, auto& x) {
    v.field("id", x.id, "rising, from 1 with each start of the engine");
    v.field("state", x.state,
            "planning, running; ended: done, cancelled, client_gone (or it took nothing for 30 s), "
            "failed");
    v.field("who", x.who, "asked");
    v.field("session", x.session, "whose store was asked");
    v.field("stores", x.stores, "its directories");
    v.field("since", x.since, "first moment, in seconds since 1970; empty: no bound");
    v.field("until", x.until, "last moment; empty: no bound");
    v.field("filter", x.filter, "pcap-filter expression; empty: every packet");
    v.field("inner", x.inner, "whether the filter sees the innermost frame");
    v.field("community_id", x.community_id, "of the flow; empty: any");
    v.field("limit", x.limit, "packets at most; 0: all");
    v.field("begun", x.begun, "when");
    v.field("ended", x.ended, "when; 0: it has not");
    v.field("packets", x.packets, "in the answer, until now");
    v.field("bytes", x.bytes, "of these, on the wire");
    v.field("read_bytes", x.read_bytes, "of total_bytes that are read or need not be");
    v.field("total_bytes", x.total_bytes, "in segments that can have packets of the answer");
    v.field("complete", x.complete,
            "every packet of the asked time that matches is in the answer; false until it is done");
    v.field("limited", x.limited, "limit ended it");
    v.field("out_of_order", x.out_of_order, "packets that came behind later ones");
    v.field("lost", x.lost, "what the capture lost");
    v.field("damaged_packets", x.damaged_packets, "how many could not be read");
    v.field(
        "missing", x.missing,
        "what may be missing in the answer and why, in sentences: lost by the capture, deleted, "
        "damaged, not yet in the files");
    v.field("notes", x.notes, "for which nothing is missing, the first 64");
    v.field("error", x.error, "why it is not done; empty: it is, or runs");
  }
};

template <>
struct Schema<QueryList> {
  static constexpr std::string_view kName = "QueryList";
  static void fields(auto& v, auto& x) {
    v.field("queries", x.queries, "that run, and the last 64 that have ended, by id");
  }
};

template <>
struct Schema<QueryRequest> {
  static constexpr std::string_view kName = "QueryRequest";
  static void fields(auto& v, auto& x) {
    v.field("session", x.session, "whose store is asked");
    v.optional("since", x.since, "first moment, as parameters of type time; absent: no bound");
    v.optional("until", x.until, "last moment; absent: no bound");
    v.optional("filter", x.filter, "pcap-filter expression; absent: every packet");
    v.optional("inner", x.inner, "true: the filter sees the innermost frame");
    v.optional("community_id", x.community_id, "of the flow, as in conn.log; absent: any");
    v.optional("limit", x.limit, "packets at most; absent or 0: all");
  }
};

template <>
struct Schema<ThreatStatus> {
  static constexpr std::string_view kName = "Threat";
  static void fields(auto& v, auto& x) {
    v.field("level", x.level, "normal, elevated, high or critical");
    v.field("since", x.since, "when it became so; 0: it was so when the engine started");
    v.field("why", x.why, "what made it so; empty: nothing has");
    v.field("received", x.received, "packets of the last window");
    v.field("malformed", x.malformed, "of these, with headers that cannot be followed");
    v.field("refused_sources", x.refused_sources, "of these, from where the policy allows none");
    v.field("refused_requests", x.refused_requests, "of the API in the window, for lack of a role");
    v.field("policy_refusals", x.policy_refusals, "policy documents that were refused in it");
  }
};

template <>
struct Schema<PolicyStatus> {
  static constexpr std::string_view kName = "Policy";
  static void fields(auto& v, auto& x) {
    v.field("state", x.state, "none, loaded or expired");
    v.field("path", x.path, "where the document is read; empty: none is asked for");
    v.field("version", x.version, "of the document in force; 0: there is none");
    v.field("digest", x.digest, "SHA-256 of its text");
    v.field("issued", x.issued, "from when on it holds");
    v.field("expires", x.expires, "until when");
    v.field("newest_version", x.newest_version, "that was ever accepted; older ones are refused");
    v.field("level", x.level, "whose [threat] tables of the document are in force");
    v.field("block", x.block, "whether it lets nothing in");
    v.field("refused", x.refused, "documents that were not put in force, by reason");
    v.field("refusal", x.refusal, "why the last one was; empty: one was put in force since");
    v.field("threat", x.threat, "how high the threat is, and by what");
  }
};

template <>
struct Schema<ProblemAnswer> {
  static constexpr std::string_view kName = "Problem";
  static void fields(auto& v, auto& x) {
    v.field("type", x.type, "about:blank: the status says it");
    v.field("title", x.title, "of the status");
    v.field("status", x.status, "of the answer");
    v.field("detail", x.detail, "what was asked, what was wrong, and in parentheses what to do");
    v.field("code", x.code, "a word of docs/errors.md");
  }
};

template <>
struct Schema<FilterRequest> {
  static constexpr std::string_view kName = "FilterRequest";
  static void fields(auto& v, auto& x) {
    v.field("filter", x.filter, "pcap-filter expression; empty: every packet");
  }
};

template <>
struct Schema<LogLevelRequest> {
  static constexpr std::string_view kName = "LogLevelRequest";
  static void fields(auto& v, auto& x) {
    v.optional("module", x.module, "whose logs; absent or empty: all modules");
    v.field("level", x.level, "error, warning, info or debug");
  }
};

template <>
struct Schema<RollbackRequest> {
  static constexpr std::string_view kName = "RollbackRequest";
  static void fields(auto& v, auto& x) {
    v.optional("generation", x.generation, "to return to; absent or 0: the one before");
  }
};

}  // namespace weir::control

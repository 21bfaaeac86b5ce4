#include "app/engine/source_guard.h"

#include <cstdio>
#include <numeric>

#include "output/address_text.h"
#include "telemetry/metric_names.h"

namespace weir::app {
namespace {

using security::SourceRefusal;
using telemetry::EventField;

std::string hex_text(std::uint64_t number) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string address_text(const security::FrameSource& frame) {
  std::array<char, output::kAddressTextMax> text{};
  return {text.data(), output::write_address(text.data(), frame.address, frame.ip_version)};
}

std::vector<std::string> texts_of(const std::vector<security::VniRange>& ranges) {
  std::vector<std::string> texts;
  for (const security::VniRange& range : ranges) {
    texts.push_back(std::to_string(range.first));
    if (range.last != range.first) texts.back() += "-" + std::to_string(range.last);
  }
  return texts;
}

control::SourceRulesStatus status_of(const security::SourceRules& rules, std::string origin) {
  control::SourceRulesStatus status{.origin = std::move(origin),
                                    .block = rules.block,
                                    .interfaces = rules.interfaces,
                                    .macs = rules.macs,
                                    .nets = rules.nets,
                                    .vnis = texts_of(rules.vnis),
                                    .gwlb_endpoints = {},
                                    .deny_macs = rules.deny_macs,
                                    .deny_nets = rules.deny_nets,
                                    .deny_vnis = texts_of(rules.deny_vnis)};
  for (const std::uint64_t one : rules.gwlb_endpoints) {
    status.gwlb_endpoints.push_back(hex_text(one));
  }
  return status;
}

// What a packet said of itself, as fields of an event.
std::vector<EventField> fields_of(const security::SourceExample& example,
                                  const std::vector<std::string>& interfaces) {
  std::vector<EventField> fields;
  if (example.interface.index < interfaces.size()) {
    fields.push_back({"interface", interfaces[example.interface.index]});
  }
  const security::FrameSource& frame = example.frame;
  if (frame.has_mac) fields.push_back({"mac", security::mac_text(frame.mac)});
  if (frame.ip_version != 0) fields.push_back({"address", address_text(frame)});
  if (example.vni != TenantIdentity::kNoVni) fields.push_back({"vni", std::to_string(example.vni)});
  if (example.gwlb_endpoint != 0) {
    fields.push_back({"gwlb_endpoint", hex_text(example.gwlb_endpoint)});
  }
  return fields;
}

}  // namespace

SourceGuard::SourceGuard(std::vector<std::string> interfaces,
                         const capture::Orchestrator& orchestrator, EngineNews& news,
                         telemetry::Logger log)
    : interfaces_(std::move(interfaces)), orchestrator_(orchestrator), news_(news), log_(log) {}

Result<security::SourceValidator> SourceGuard::made_of(
    const security::SourceRules& configured, const std::optional<security::SourceRules>& policy) {
  std::vector<security::SourceRules> rules = {configured};
  if (policy) rules.push_back(*policy);
  return security::SourceValidator::compile(rules);
}

Result<void> SourceGuard::set_policy(std::optional<security::SourceRules> rules) {
  WEIR_TRY(validator_, made_of(rules_, rules));
  const std::lock_guard lock(mutex_);
  policy_ = std::move(rules);
  return ok();
}

Result<void> SourceGuard::stage(const control::Config&, const control::Config& next,
                                std::uint64_t) {
  const security::SourceRules& rules = next.security.sources;
  WEIR_TRY(auto validator, made_of(rules, policy_));
  staged_ = Staged{.rules = rules, .validator = std::move(validator)};
  return ok();
}

void SourceGuard::commit() noexcept {
  validator_ = std::move(staged_->validator);
  {
    const std::lock_guard lock(mutex_);
    rules_ = std::move(staged_->rules);
  }
  staged_.reset();
}

SourceGuard::Counts SourceGuard::refused() const {
  Counts counts{};
  for (std::size_t lane = 0; lane < orchestrator_.workers_started(); ++lane) {
    const security::SourceAccount& account = orchestrator_.worker(lane).refused_sources();
    for (std::size_t kind = 1; kind < counts.size(); ++kind) {
      counts[kind] += account.refused(static_cast<SourceRefusal>(kind));
    }
  }
  return counts;
}

std::uint64_t SourceGuard::refused_packets() const {
  const Counts counts = refused();
  const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  return all - counts[static_cast<std::size_t>(SourceRefusal::Blocked)];
}

std::optional<security::SourceExample> SourceGuard::example(SourceRefusal kind) const {
  for (std::size_t lane = 0; lane < orchestrator_.workers_started(); ++lane) {
    if (auto one = orchestrator_.worker(lane).refused_sources().example(kind)) return one;
  }
  return std::nullopt;
}

void SourceGuard::look(MonotonicTime now) {
  const Counts counts = refused();
  for (std::size_t kind = 1; kind < counts.size(); ++kind) {
    Told& told = told_[kind];
    if (counts[kind] == told.packets) continue;
    if (told.packets != 0 && now - told.at < kInterval) continue;
    tell(static_cast<SourceRefusal>(kind), counts[kind] - told.packets, counts[kind]);
    told = {.packets = counts[kind], .at = now};
  }
}

void SourceGuard::tell(SourceRefusal kind, std::uint64_t packets, std::uint64_t total) {
  std::vector<EventField> fields = {{"kind", std::string(name_of(kind))},
                                    {"packets", std::to_string(packets)},
                                    {"total", std::to_string(total)}};
  std::string text = std::to_string(packets) + " packets refused: ";
  text += kind == SourceRefusal::Blocked
              ? "a policy blocks everything"
              : "nothing may come from their " + std::string(name_of(kind));
  std::string last;
  if (const auto one = example(kind)) {
    for (EventField& field : fields_of(*one, interfaces_)) {
      last += (last.empty() ? "" : ", ") + field.key + " " + field.value;
      fields.push_back(std::move(field));
    }
  }
  if (!last.empty()) text += " (the last: " + last + ")";
  log_.warning("the source of packets was refused",
               {{"kind", name_of(kind)}, {"packets", packets}, {"total", total}, {"last", last}});
  news_.publish(telemetry::EventKind::SourceRefused, "security", text, std::move(fields));
}

control::SecurityStatus SourceGuard::status() const {
  control::SecurityStatus status;
  const Counts counts = refused();
  for (std::size_t kind = 1; kind < counts.size(); ++kind) {
    if (counts[kind] == 0) continue;
    status.refused_sources.emplace_back(name_of(static_cast<SourceRefusal>(kind)), counts[kind]);
  }
  const interface::Prefilter prefilter = orchestrator_.prefilter();
  status.filter_place = prefilter.place == interface::FilterPlace::Kernel ? "kernel" : "user";
  status.below_counted = prefilter.counted;
  const std::lock_guard lock(mutex_);
  if (!rules_.none()) status.source_rules.push_back(status_of(rules_, "config"));
  if (policy_ && !policy_->none()) status.source_rules.push_back(status_of(*policy_, "policy"));
  return status;
}

void SourceGuard::collect(telemetry::Collection& into) const {
  const Counts counts = refused();
  for (std::size_t kind = 1; kind < counts.size(); ++kind) {
    if (counts[kind] == 0) continue;
    into.add(telemetry::Metric::SourceRefused, {name_of(static_cast<SourceRefusal>(kind))},
             counts[kind]);
  }
}

}  // namespace weir::app

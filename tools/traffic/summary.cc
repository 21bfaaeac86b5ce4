#include "summary.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "base/time.h"

namespace weir::traffic {
namespace {

constexpr std::array<std::string_view, kEncapsulationCount> kEncapsulationNames = {
    "none", "vlan", "qinq", "vxlan", "geneve", "gre"};

// "key": value lines of nested objects; keys and texts here need no escapes.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(&out) { *out_ += '{'; }
  ~JsonObject() { *out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    *out_ += std::to_string(value);
  }
  void text(std::string_view key, std::string_view value) {
    begin(key);
    ((*out_ += '"') += value) += '"';
  }
  // With two decimals.
  void ratio(std::string_view key, std::uint64_t numerator, std::uint64_t denominator) {
    begin(key);
    const std::uint64_t hundredths = denominator == 0 ? 0 : numerator * 100 / denominator;
    const std::uint64_t rest = hundredths % 100;
    *out_ += std::to_string(hundredths / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest);
  }
  [[nodiscard]] JsonObject object(std::string_view key) {
    begin(key);
    return JsonObject(*out_);
  }

 private:
  void begin(std::string_view key) {
    if (out_->back() != '{') *out_ += ", ";
    ((*out_ += '"') += key) += "\": ";
  }

  std::string* out_;
};

std::uint64_t of_kind(const Totals& totals, PacketKind kind) {
  return totals.by_kind[static_cast<std::size_t>(kind)];
}

void add_shares(JsonObject& root, const Totals& totals) {
  {
    JsonObject table = root.object("packets_by_application");
    for (std::size_t i = 0; i < kApplicationCount; ++i) {
      table.number(applications()[i].name, totals.by_application[i]);
    }
  }
  {
    JsonObject table = root.object("packets_by_encapsulation");
    for (std::size_t i = 0; i < kEncapsulationCount; ++i) {
      table.number(kEncapsulationNames[i], totals.by_encapsulation[i]);
    }
  }
  JsonObject table = root.object("packets_by_vni");
  for (std::uint32_t i = 0; i < kTenantCount; ++i) {
    table.number(std::to_string(vni_of(i)), totals.by_vni[i]);
  }
}

}  // namespace

std::string summary_json(const SummaryFacts& facts) {
  const Totals& totals = facts.totals;
  std::string out;
  {
    JsonObject root(out);
    root.number("schema", 1);
    root.number("seed", facts.options.seed);
    root.text("mix", facts.options.mix->name);
    root.number("packets", totals.packets);
    root.number("bytes", totals.bytes);
    root.number("captured_bytes", totals.captured_bytes);
    root.number("file_bytes", facts.file_bytes);
    root.ratio("mean_frame_bytes", totals.bytes, totals.packets);
    root.text("first_ts", epoch_seconds({totals.first_ns}));
    root.text("last_ts", epoch_seconds({totals.last_ns}));
    root.number("flows_at_a_time", facts.places);
    root.number("flows_begun", facts.flows_begun);
    root.number("flows_ended", facts.flows_ended);
    root.number("needle", of_kind(totals, PacketKind::Needle));
    root.number("malformed", of_kind(totals, PacketKind::Malformed));
    root.number("bad_checksums", of_kind(totals, PacketKind::BadChecksum));
    root.number("retransmissions", totals.retransmissions);
    root.number("fragments", totals.fragments);
    root.number("ipv6", totals.ipv6);
    root.number("full_frames", totals.full_frames);
    add_shares(root, totals);
    JsonObject table = root.object("expressions");
    for (std::size_t i = 0; i < kExpressionCount; ++i) {
      table.number(expressions()[i].text, facts.truth.counts()[i]);
    }
  }
  return out + "\n";
}

std::string summary_line(const SummaryFacts& facts) {
  const Totals& t = facts.totals;
  const double mean =
      t.packets == 0 ? 0 : static_cast<double>(t.bytes) / static_cast<double>(t.packets);
  std::array<char, 200> line;
  std::snprintf(line.data(), line.size(),
                "%llu packets, %llu bytes in the file, %.1f bytes a frame, %llu flows, %.3f s",
                static_cast<unsigned long long>(t.packets),
                static_cast<unsigned long long>(facts.file_bytes), mean,
                static_cast<unsigned long long>(facts.flows_begun),
                static_cast<double>(t.last_ns - t.first_ns) / 1e9);
  return line.data();
}

}  // namespace weir::traffic

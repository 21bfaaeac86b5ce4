// What is asked of each packet of the chunks that are read: libpcap's program decides, and where
// they are asked for the Community ID, the flows of a uid, and the tenant.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "base/result.h"
#include "base/verdicts.h"
#include "capture/retrieval/index_expression.h"
#include "filter/frame_filter.h"
#include "filter/session_filters.h"

namespace weir::capture::retrieval {

// The Community ID as people write it ("1:" and 28 characters of base64) as a question to the
// index. Nothing: it is none.
std::optional<KeyQuestion> community_id_question(std::string_view text);

// Of a tenant, by the headers of the packet at any level, tunnels included; all that are there.
struct TenantConditions {
  std::optional<std::uint16_t> vlan = {};  // 12 bits
  std::optional<std::uint32_t> vni = {};   // 24 bits
  std::optional<std::uint64_t> gwlb_endpoint = {};

  [[nodiscard]] bool empty() const noexcept { return !vlan && !vni && !gwlb_endpoint; }
};
// To the index: one for each condition.
std::vector<KeyQuestion> tenant_questions(const TenantConditions& tenant);

// What is asked beside the expression; all of it must be true of a packet.
struct PacketConditions {
  std::string community_id = {};  // empty, or one that community_id_question() takes
  // The packet is of a flow of Scratch::flows, whether that is its innermost one or carries it.
  bool of_named_flows = false;
  TenantConditions tenant = {};

  [[nodiscard]] bool empty() const noexcept {
    return community_id.empty() && !of_named_flows && tenant.empty();
  }
};

// The expression, compiled for the link types that packets of the answer may have. Immutable but
// for prepare(), which belongs to set-up; copies share nothing.
class PacketQuestion {
 public:
  PacketQuestion(std::string expression, filter::Scope scope, PacketConditions conditions);

  // Compiles for a link type. A refusal is remembered, and returned: then no packet of this type
  // matches.
  Result<void> prepare(LinkType link_type);
  [[nodiscard]] bool prepared(LinkType link_type) const noexcept;
  [[nodiscard]] bool refused(LinkType link_type) const noexcept;
  // Another with the same programs.
  [[nodiscard]] std::unique_ptr<PacketQuestion> clone() const;

  // Scratch of a thread that asks.
  struct Scratch {
    PacketBatch batch;
    HeadersArray headers;
    KeysArray keys;
    Verdicts verdicts;
    std::vector<std::uint64_t> flows;  // identities, ascending
  };
  // Writes for each packet of scratch.batch whether it matches: 0 or 1 in verdicts. Their link
  // types are prepared and not refused. Any number of threads.
  void judge(Scratch& scratch) const noexcept;
  // All match: judge() need not be called.
  [[nodiscard]] bool takes_everything() const noexcept {
    return expression_.empty() && conditions_.empty();
  }

  [[nodiscard]] bool asks_for_named_flows() const noexcept { return conditions_.of_named_flows; }

 private:
  [[nodiscard]] bool meets_conditions(const Scratch& scratch, std::uint32_t index) const noexcept;

  struct Link {
    LinkType type{};
    bool refused = false;
  };
  std::string expression_;
  filter::Scope scope_;
  PacketConditions conditions_;
  filter::SessionFilters filters_;
  std::vector<Link> links_;
};

}  // namespace weir::capture::retrieval

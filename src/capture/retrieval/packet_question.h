// What is asked of each packet of the chunks that are read: libpcap's program decides, and the
// Community ID where one is asked for.
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

// The expression, compiled for the link types that packets of the answer may have. Immutable but
// for prepare(), which belongs to set-up; copies share nothing.
class PacketQuestion {
 public:
  // `community_id`: empty, or one that community_id_question() takes.
  PacketQuestion(std::string expression, filter::Scope scope, std::string community_id);

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
  };
  // Writes for each packet of scratch.batch whether it matches: 0 or 1 in verdicts. Their link
  // types are prepared and not refused. Any number of threads.
  void judge(Scratch& scratch) const noexcept;
  // All match: judge() need not be called.
  [[nodiscard]] bool takes_everything() const noexcept {
    return expression_.empty() && community_id_.empty();
  }

 private:
  struct Link {
    LinkType type{};
    bool refused = false;
  };
  std::string expression_;
  filter::Scope scope_;
  std::string community_id_;
  filter::SessionFilters filters_;
  std::vector<Link> links_;
};

}  // namespace weir::capture::retrieval

// What `weir query` was asked for, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/retrieval/packet_question.h"
#include "capture/retrieval/query_counts.h"
#include "filter/frame_filter.h"

namespace weir::app {

struct QueryOptions {
  std::vector<std::string> stores;  // directories
  capture::retrieval::TimeWindow window;
  std::string filter;  // pcap-filter expression; empty: every packet
  filter::Scope scope = filter::Scope::Frame;
  std::string community_id;  // empty: of any flow
  std::string uid;           // likewise
  capture::retrieval::TenantConditions tenant;
  std::vector<std::string> write_paths;  // pcapng; "-" = standard output; none = count only
  std::uint64_t packets_max = 0;         // 0 = no limit
  bool explain = false;
  bool fail_on_loss = false;  // packets that were lost or deleted are a failure
  bool json = false;          // the outcome, as one object on standard output
};

}  // namespace weir::app

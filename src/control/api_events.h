// Where the API has its events from. The engine adapts telemetry's to it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir::control {

struct ApiEvent {
  std::uint64_t id = 0;  // rising, from 1
  Timestamp time{};
  std::string module;
  std::string kind;
  std::string severity;  // "error", "warning", "info", "debug"
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Any thread. ApiServer::event_came() says that there is more.
class EventFeed {
 public:
  virtual ~EventFeed() = default;
  // The oldest that are kept with a greater id than `id`; empty: none yet.
  [[nodiscard]] virtual std::vector<ApiEvent> read_after(std::uint64_t id,
                                                         std::size_t events_max) const = 0;
  [[nodiscard]] virtual std::uint64_t newest_id() const = 0;  // 0: none yet
};

}  // namespace weir::control

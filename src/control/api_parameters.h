// The parameters of a request, checked against its route and as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "control/api_routes.h"
#include "control/http_message.h"

namespace weir::control {

// "500ms", "5s", "2m", "1h", "3d"; nothing else.
std::optional<Duration> duration_of(std::string_view text) noexcept;
// "2026-11-21T20:00:00Z" (with decimals and offsets), "1700000000.5", and "-1h": that long ago.
std::optional<Timestamp> parse_time(std::string_view text, Timestamp now) noexcept;
std::optional<std::uint64_t> parse_count(std::string_view text) noexcept;

// Lives as long as its request and its match.
class Parameters {
 public:
  // Error Usage: a parameter that the route does not know, lacks, or cannot read. (A missing
  // header is not one: the handler says what it means.)
  static Result<Parameters> read(const Route& route, const std::string& name,
                                 const HttpRequest& request, Timestamp now);

  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  // Empty: absent. Not called for what read() has not checked.
  [[nodiscard]] std::optional<std::uint64_t> count(std::string_view name) const;
  [[nodiscard]] std::optional<Duration> duration(std::string_view name) const;
  [[nodiscard]] std::optional<Timestamp> time(std::string_view name) const;
  // The generation in quotes; 0 for *.
  [[nodiscard]] std::optional<std::uint64_t> tag(std::string_view name) const;

 private:
  Parameters(const Route& route, const std::string& name, const HttpRequest& request,
             Timestamp now) noexcept
      : route_(&route), name_(&name), request_(&request), now_(now) {}

  [[nodiscard]] bool well_formed(const Parameter& parameter, std::string_view text) const;

  const Route* route_;
  const std::string* name_;
  const HttpRequest* request_;
  Timestamp now_;
};

}  // namespace weir::control

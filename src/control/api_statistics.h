// What the API counts of itself. Many writers, any reader.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"

namespace weir::control {

class SharedCounter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of the buckets of answer times, in seconds; the last bucket has no bound.
inline constexpr std::array kAnswerSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                              0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                              1.0,    2.5,     5.0,    10.0};

class AnswerTimes {
 public:
  void add(Duration took) noexcept;
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const noexcept { return buckets_[i].value(); }
  [[nodiscard]] static constexpr std::size_t buckets() noexcept {
    return kAnswerSeconds.size() + 1;
  }
  [[nodiscard]] double sum_seconds() const noexcept {
    return static_cast<double>(sum_ns_.value()) * 1e-9;
  }

 private:
  std::array<SharedCounter, kAnswerSeconds.size() + 1> buckets_;  // not cumulative
  SharedCounter sum_ns_;
};

// Answers of a route by the first digit of their status: [0] is 1xx.
struct RouteStatistics {
  std::array<SharedCounter, 5> answers;
};

inline constexpr std::size_t kRoutesMax = 64;

struct ApiStatistics {
  // By index into route_table(); row 0 is what met no route.
  std::array<RouteStatistics, kRoutesMax> routes;
  AnswerTimes answer_times;  // from the whole request to the answer on its way
  SharedCounter refused_authorisation;
  SharedCounter refused_busy;   // too many slow requests at a time
  SharedCounter missed_events;  // that a listener was too slow for
};

}  // namespace weir::control

// For tests of an engine under pressure: what it says of places and sessions, and the order in
// which it came.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "integration/run_fixture.h"

namespace weir::test {

class RunUnderPressure : public Run {
 protected:
  static constexpr std::string_view kQuick =
      "[pressure]\nstep_interval = \"50ms\"\nrecover_after = \"200ms\"\n";

  // There before weir opens the other end.
  static UniqueFd make_fifo(const std::string& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(reader);
    return reader;
  }
  [[nodiscard]] std::string piped(std::string_view keys = "") const {
    return session("slow", std::string(keys) + "[session.pcapng]\npath = \"" + fifo_ + "\"\n");
  }
  [[nodiscard]] std::string filed(std::string_view name, std::string_view keys = "") const {
    return session(name, std::string(keys) + "[session.pcapng]\npath = \"" +
                             dir_.file(std::string(name) + ".pcapng") + "\"\n");
  }
  [[nodiscard]] nlohmann::json pressure() const { return get("/v1/pressure").json(); }
  // One that there is not has the level "none".
  [[nodiscard]] nlohmann::json place_now(std::string_view resource, std::string_view name) const {
    const nlohmann::json now = pressure();
    for (const auto& place : now.at("places")) {
      if (place.at("resource") == resource && place.at("place") == name) return place;
    }
    return {{"level", "none"}};
  }
  [[nodiscard]] nlohmann::json pipe_now() const { return place_now("output", "pipe " + fifo_); }
  [[nodiscard]] std::string relief_of(const std::string& name) const {
    const nlohmann::json now = pressure();
    for (const auto& one : now.at("sessions")) {
      if (one.at("session") == name) return one.at("relief");
    }
    return "no session " + name;
  }
  // "machine: from > to", oldest first, of machines that begin so. The last row, which ends
  // so, comes a moment after what it tells of.
  [[nodiscard]] std::vector<std::string> journal(const std::string& machines,
                                                 const std::string& last) const {
    std::vector<std::string> rows;
    while (rows.empty() || !rows.back().ends_with(last)) {
      rows.clear();
      const nlohmann::json page = get("/v1/journal?limit=1000").json();
      for (const auto& row : page.at("journal")) {
        const std::string machine = row.at("machine");
        if (!machine.starts_with(machines)) continue;
        rows.push_back(machine + ": " + std::string(row.at("from")) + " > " +
                       std::string(row.at("to")));
      }
      std::reverse(rows.begin(), rows.end());
    }
    return rows;
  }
  // Each row of the machine begins where the one before it has ended; ends where it began.
  static void expect_chain(const std::vector<std::string>& rows, const std::string& machine,
                           const std::string& state) {
    const std::string prefix = machine + ": ";
    std::string_view now = state;
    for (const std::string& row : rows) {
      if (!row.starts_with(prefix)) continue;
      const std::string_view move = std::string_view(row).substr(prefix.size());
      const std::size_t arrow = move.find(" > ");
      EXPECT_EQ(move.substr(0, arrow), now) << row;
      now = move.substr(arrow + 3);
    }
    EXPECT_EQ(now, state) << machine;
  }

  const std::string fifo_ = dir_.file("fifo");
};

}  // namespace weir::test

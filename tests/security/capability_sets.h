// What the kernel says of the rights of a thread, and threads for tests to spend theirs in.
#pragma once

#include <sys/capability.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::security {

// The line `field` of /proc/thread-self/status, or of `status`: "CapEff" → "000001ffffffffff".
inline std::string status_field(std::string_view field, std::string status = {}) {
  if (status.empty()) {
    const std::ifstream file("/proc/thread-self/status");
    std::ostringstream text;
    text << file.rdbuf();
    status = text.str();
  }
  std::istringstream words(status);
  for (std::string word; words >> word;) {
    if (word.size() == field.size() + 1 && word.starts_with(field) && words >> word) return word;
  }
  return {};
}

inline constexpr std::string_view kNoCapabilities = "0000000000000000";

// A right that is lost never comes back: runs `body` in a thread of its own.
template <typename Body>
void in_a_thread(Body body) {
  std::thread(std::move(body)).join();
}

// Takes single capabilities, or with none named all of them, away from the calling thread.
inline void lose(const std::vector<cap_value_t>& capabilities = {}) {
  const cap_t sets = capabilities.empty() ? cap_init() : cap_get_proc();
  const auto count = static_cast<int>(capabilities.size());
  for (const cap_flag_t flag : {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE}) {
    if (count > 0) cap_set_flag(sets, flag, count, capabilities.data(), CAP_CLEAR);
  }
  EXPECT_EQ(cap_set_proc(sets), 0);
  cap_free(sets);
}

// Empty when this process has root's rights over the whole system, not only in a namespace of its
// own.
inline const std::string& why_not_root() {
  static const std::string kReason = [] {
    std::ifstream map("/proc/self/uid_map");
    unsigned inside = 0;
    unsigned outside = 0;
    unsigned long count = 0;
    map >> inside >> outside >> count;
    return ::geteuid() == 0 && count > 65536 ? "" : "not root";
  }();
  return kReason;
}

}  // namespace weir::security

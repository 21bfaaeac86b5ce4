// How fast the control API answers status requests: the server with an engine that only answers,
// and clients on keep-alive connections of their own, in this process.
//
//   api_bench [RATE [CONNECTIONS [SECONDS [SOCKET]]]]
//
// First each client asks when its turn has come, RATE times a second all together (5000 if absent);
// a time is counted from the turn, so that waiting for a late answer counts too. Then all ask as
// fast as they are answered. Prints a line for each.
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "control/api_server.h"
#include "control_api/fake_engine.h"
#include "control_api/raw_client.h"
#include "support/temp_dir.h"

namespace {

using namespace weir;

struct Load {
  double rate = 5000;  // 0: as fast as answers come
  int connections = 8;
  double seconds = 5;
};

void wait_until(const SystemClock& clock, MonotonicTime turn) {
  const Duration left = turn - clock.monotonic();
  if (left <= Duration::zero()) return;
  const timespec time{.tv_sec = left.count() / 1'000'000'000,
                      .tv_nsec = left.count() % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

std::vector<Duration> ask(const std::string& path, const Load& load, int number) {
  const SystemClock clock;
  test::RawClient client(path);
  std::vector<Duration> times;
  const auto spacing =
      Duration(load.rate > 0 ? static_cast<Duration::rep>(1e9 * load.connections / load.rate) : 0);
  const MonotonicTime begin = clock.monotonic() + spacing * number / load.connections;
  const MonotonicTime end = begin + Duration(static_cast<Duration::rep>(load.seconds * 1e9));
  for (MonotonicTime turn = begin; turn < end;) {
    wait_until(clock, turn);
    if (test::status_of(client.get("/v1/status")) != 200) std::abort();
    const MonotonicTime now = clock.monotonic();
    times.push_back(now - turn);
    turn = load.rate > 0 ? turn + spacing : now;
  }
  return times;
}

void run(const std::string& path, const Load& load) {
  std::vector<std::vector<Duration>> each(static_cast<std::size_t>(load.connections));
  std::vector<std::thread> clients;
  for (int i = 0; i < load.connections; ++i) {
    clients.emplace_back([&, i] { each[static_cast<std::size_t>(i)] = ask(path, load, i); });
  }
  for (std::thread& client : clients) client.join();
  std::vector<Duration> all;
  for (const auto& times : each) all.insert(all.end(), times.begin(), times.end());
  std::ranges::sort(all);
  const auto at = [&](double part) {
    const auto index = static_cast<std::size_t>(part * static_cast<double>(all.size() - 1));
    return static_cast<double>(all[index].count()) / 1e6;
  };
  std::printf(
      "%s: %d connections, %.0f requests/s, p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, "
      "p99.9 %.3f ms, max %.3f ms\n",
      load.rate > 0 ? "paced" : "unpaced", load.connections,
      static_cast<double>(all.size()) / load.seconds, at(0.5), at(0.9), at(0.99), at(0.999), at(1));
}

}  // namespace

int main(int count, char** words) {
  Load load;
  if (count > 1) load.rate = std::atof(words[1]);
  if (count > 2) load.connections = std::max(std::atoi(words[2]), 1);
  if (count > 3) load.seconds = std::atof(words[3]);
  if (count > 4) {
    run(words[4], load);
    load.rate = 0;
    run(words[4], load);
    return 0;
  }
  const test::TempDir dir;
  const SystemClock clock;
  test::FakeEngine engine;
  test::FakeFeed feed;
  auto server = control::ApiServer::open({.socket = dir.file("weir.sock")}, engine, feed, clock);
  if (!server || !(*server)->start()) return 1;
  run(dir.file("weir.sock"), load);
  load.rate = 0;
  run(dir.file("weir.sock"), load);
  return 0;
}

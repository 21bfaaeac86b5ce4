// For tests of `weir run`: an engine in a network namespace of the test's own, and those who steer
// it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/capture_fixture.h"

namespace weir::test {

// One request to a Unix socket, and all that comes back: status and body. 0: nothing came.
struct HttpAnswer {
  int status = 0;
  std::string body;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
};

inline HttpAnswer ask(const std::string& socket, std::string_view method, const std::string& target,
                      std::string_view body = {}, std::string_view headers = {}) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return {};
  }
  const std::string request =
      std::string(method) + " " + target + " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n" +
      (body.empty() ? "" : "Content-Type: application/toml\r\n") + std::string(headers) +
      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return {};
  }
  std::string text;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  HttpAnswer answer;
  const std::size_t end = text.find("\r\n\r\n");
  if (text.size() < 12 || end == std::string::npos) return answer;
  answer.status = std::stoi(text.substr(9, 3));
  answer.body = text.substr(end + 4);
  return answer;
}

class Run : public Capture {
 protected:
  // What every configuration begins with.
  [[nodiscard]] std::string head(std::string_view engine = "") const {
    return "[engine]\nstate_dir = \"" + dir_.file("state") + "\"\n" + std::string(engine) +
           "[control]\nsocket = \"" + socket() + "\"\n" +
           "[[interface]]\nname = \"tap\"\nring = \"16MiB\"\n";
  }
  [[nodiscard]] static std::string session(std::string_view name, std::string_view keys = "") {
    return "[[session]]\nname = \"" + std::string(name) + "\"\n" + std::string(keys);
  }
  [[nodiscard]] std::string socket() const { return dir_.file("weir.sock"); }
  [[nodiscard]] std::string config() const { return dir_.file("weir.toml"); }
  void configure(const std::string& text) const { write_file(config(), text); }

  void start_engine(std::vector<std::string> before = {}) {
    std::vector<std::string> words =
        weir({"run", "-c", config(), "--stats-json", dir_.file("stats.json"), "--ready-fd",
              std::to_string(kReadyFd)});
    words.insert(words.begin(), before.begin(), before.end());
    CommandOptions options;
    options.ready_fd = true;
    engine_ = std::make_unique<Process>(words, options);
    EXPECT_TRUE(engine_->wait_until_ready());
  }
  CommandResult stop_engine() {
    engine_->signal(SIGTERM);
    return engine_->wait();
  }

  HttpAnswer get(const std::string& target) const { return ask(socket(), "GET", target); }
  HttpAnswer post(const std::string& target, std::string_view body = {}) const {
    return ask(socket(), "POST", target, body);
  }
  [[nodiscard]] nlohmann::json session_now(const std::string& name) const {
    return get("/v1/sessions/" + name).json();
  }
  // What the engine has decided on. Frames have passed the interface's tap when they are sent; the
  // engine sees them soon, and counts them as received before it has looked at them.
  void wait_until_received(std::uint64_t packets) const {
    while (decided() < packets) {
    }
  }
  [[nodiscard]] std::uint64_t decided() const {
    const nlohmann::json status = get("/v1/status").json();
    std::uint64_t sum = status.at("accepted").get<std::uint64_t>();
    for (const auto& rejected : status.at("rejected")) sum += rejected.get<std::uint64_t>();
    for (const auto& dropped : status.at("dropped")) sum += dropped.get<std::uint64_t>();
    return sum;
  }
  // Until the session is in this state.
  void wait_until(const std::string& name, std::string_view state) const {
    while (session_now(name).at("state") != state) {
    }
  }
  CommandResult ctl(std::vector<std::string> words) const {
    words.insert(words.begin(), {"ctl", "--socket", socket()});
    return run_weir(std::move(words));
  }
  void send(std::uint32_t count, std::size_t bytes = 100) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(sent_ + i, bytes));
    TrafficSocket("tap").send(frames);
    sent_ += count;
  }

  std::unique_ptr<Process> engine_;
  std::uint32_t sent_ = 0;
};

}  // namespace weir::test

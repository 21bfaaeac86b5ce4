#include "app/fake_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

namespace weir::test {
namespace {

// The number behind "Content-Length:", or 0.
std::size_t body_bytes(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

bool read_more(int fd, std::string& into) {
  std::array<char, 65536> bytes{};
  const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), 0);
  if (count > 0) into.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

FakeEngine::FakeEngine()
    : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const void* const generic = &address;
  EXPECT_EQ(::bind(listener_.get(), static_cast<const sockaddr*>(generic), sizeof address), 0);
  EXPECT_EQ(::listen(listener_.get(), 8), 0);
  thread_ = std::thread([this] { serve(); });
}

FakeEngine::~FakeEngine() {
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(stop_.get(), &one, sizeof one), 8);
  thread_.join();
}

void FakeEngine::answer(const std::string& request, std::string raw) {
  const std::lock_guard lock(mutex_);
  answers_[request] = {.raw = std::move(raw)};
}

void FakeEngine::answer_and_hold(const std::string& request, std::string raw) {
  const std::lock_guard lock(mutex_);
  answers_[request] = {.raw = std::move(raw), .hold = true};
}

std::vector<SeenRequest> FakeEngine::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

SeenRequest FakeEngine::last() const {
  const auto all = seen();
  return all.empty() ? SeenRequest{} : all.back();
}

void FakeEngine::wait_for(std::size_t requests) {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [&] { return seen_.size() >= requests; });
}

void FakeEngine::serve() {
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;  // a signal
    if (fds[1].revents != 0) return;
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) talk(std::move(connection));
  }
}

void FakeEngine::talk(UniqueFd connection) {
  std::string bytes;
  while (bytes.find("\r\n\r\n") == std::string::npos) {
    if (!read_more(connection.get(), bytes)) return;
  }
  const std::size_t head = bytes.find("\r\n\r\n") + 4;
  while (bytes.size() < head + body_bytes(bytes.substr(0, head))) {
    if (!read_more(connection.get(), bytes)) return;
  }
  const std::string line = bytes.substr(0, bytes.find(" HTTP/"));
  Answer answer;
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back({.line = line, .head = bytes.substr(0, head), .body = bytes.substr(head)});
    const auto found = answers_.find(line.substr(0, line.find('?')));
    answer = found != answers_.end()
                 ? found->second
                 : Answer{.raw = problem_answer(404, "not_found", "nothing is there")};
  }
  came_.notify_all();
  std::string_view rest = answer.raw;
  while (!rest.empty()) {
    const ssize_t sent = ::send(connection.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (answer.hold) held_.push_back(std::move(connection));
}

std::string http(int status, const std::string& type, const std::string& body,
                 const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Something\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "Connection: close\r\n\r\n" + body;
}

std::string json_answer(const std::string& body) { return http(200, "application/json", body); }

std::string problem_answer(int status, const std::string& code, const std::string& detail) {
  return http(status, "application/problem+json",
              R"({"type":"about:blank","title":"T","status":)" + std::to_string(status) +
                  R"(,"detail":")" + detail + R"(","code":")" + code + "\"}");
}

std::string chunked_head(const std::string& type) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
         "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
}

std::string chunk(const std::string& bytes) {
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return size.data() + bytes + "\r\n";
}

}  // namespace weir::test

#include "control/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/thread_name.h"
#include "control/http_connection.h"
#include "control/http_poll.h"
#include "control/http_socket.h"

namespace weir::control {
namespace {

using State = HttpConnection::State;
using Sent = HttpConnection::Sent;

constexpr Duration kLinger = std::chrono::seconds(1);  // for what a refused client still sends
constexpr Duration kAcceptPause =
    std::chrono::milliseconds(100);  // when descriptors are all in use
constexpr int kAcceptsAtOnce = 16;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kLingerersMax = 32;  // refused connections that are closed politely

struct Gauges {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> streams{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> refused_streams{0};
  std::atomic<std::uint64_t> bad_requests{0};
  std::atomic<std::uint64_t> late_requests{0};
  std::atomic<std::uint64_t> late_responses{0};
};

HttpResponse busy(std::string_view detail) {
  HttpResponse response = problem(503, "resource", detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string_view code_for(int status) {
  return status == 408 ? "timed_out" : status == 501 || status == 505 ? "unsupported" : "usage";
}

class Server final : public HttpServer {
 public:
  Server(const HttpLimits& limits, HttpHandler& handler, const Clock& clock)
      : limits_(limits), handler_(handler), clock_(clock) {}
  ~Server() override { stop(); }

  Result<void> listen(const HttpServerOptions& options);
  Result<void> start() override;
  void stop() noexcept override;
  [[nodiscard]] std::uint16_t loopback_port() const noexcept override { return loopback_.port; }
  [[nodiscard]] HttpCounts counts() const noexcept override;
  Result<void> set_socket_group(const std::string& group) override {
    return unix_ ? unix_->set_group(group) : ok();
  }

 private:
  // The waiting thread.
  void wait_loop();
  void collect_fds();
  [[nodiscard]] Duration next_deadline(MonotonicTime now) const;
  void accept_from(int listener, Door door);
  void add_connection(UniqueFd fd, Door door);
  void refuse_connection(HttpConnection& connection);
  void take_returned();
  void on_ready(HttpConnection& connection);
  void read_some(HttpConnection& connection);
  void drain_some(HttpConnection& connection);
  void parse(HttpConnection& connection);
  void answer_fault(HttpConnection& connection, int status, std::string_view why);
  void after_send(HttpConnection& connection, Sent sent);
  void finish_answer(HttpConnection& connection);
  void linger(HttpConnection& connection);
  void check_deadline(HttpConnection& connection, MonotonicTime now);
  void start_stream(HttpConnection& connection);
  void close(HttpConnection& connection);
  void sweep();

  // Workers.
  void work_loop();
  void serve(HttpConnection& connection);
  HttpResponse ask_handler(const HttpConnection& connection, const HttpRequest& request);
  bool take_stream_slot();
  void give_back(HttpConnection& connection);

  void run_stream(HttpConnection& connection);

  const HttpLimits limits_;
  HttpHandler& handler_;
  const Clock& clock_;
  Gauges gauges_;

  std::unique_ptr<UnixListener> unix_;
  LoopbackListener loopback_;
  UniqueFd bell_;  // for the waiting thread
  UniqueFd stop_;  // readable from stop() on

  // Of the waiting thread alone.
  std::vector<std::unique_ptr<HttpConnection>> connections_;
  std::vector<HttpConnection*> polled_;  // by place in fds_, behind the first kFixed
  std::vector<pollfd> fds_;
  MonotonicTime accept_again_{};

  std::mutex work_mutex_;
  std::condition_variable work_ready_;
  std::deque<HttpConnection*> work_;
  bool workers_end_ = false;

  std::mutex returned_mutex_;
  std::vector<HttpConnection*> returned_;
  std::atomic<bool> wait_ends_{false};

  std::vector<std::thread> workers_;
  std::thread waiter_;
};

enum Fixed : std::uint8_t { kBell, kUnix, kLoopback, kFixed };

Result<void> Server::listen(const HttpServerOptions& options) {
  WEIR_TRY(bell_, make_bell());
  WEIR_TRY(stop_, make_bell());
  if (!options.loopback.empty()) {
    WEIR_TRY(loopback_, listen_on_loopback(options.loopback));
  }
  if (!options.socket.empty()) {
    WEIR_TRY(unix_, UnixListener::open({.path = options.socket,
                                        .group = options.socket_group,
                                        .owner = options.socket_owner}));
  }
  return ok();
}

Result<void> Server::start() {
  try {
    for (std::size_t i = 0; i < std::max<std::size_t>(limits_.workers, 1); ++i) {
      workers_.emplace_back([this] {
        name_this_thread("weir-api");
        work_loop();
      });
    }
    waiter_ = std::thread([this] {
      name_this_thread("weir-api-wait");
      wait_loop();
    });
  } catch (const std::system_error& error) {
    stop();
    return system_error(error.code().value(), "start the threads of the control API");
  }
  return ok();
}

void Server::stop() noexcept {
  if (stop_) ring(stop_.get());
  {
    const std::lock_guard lock(work_mutex_);
    workers_end_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  wait_ends_.store(true, std::memory_order_release);
  if (bell_) ring(bell_.get());
  if (waiter_.joinable()) waiter_.join();
  for (auto& connection : connections_) {
    if (connection->stream_thread.joinable()) connection->stream_thread.join();
  }
  connections_.clear();
  unix_.reset();
  loopback_.fd.reset();
}

HttpCounts Server::counts() const noexcept {
  const auto value = [](const std::atomic<std::uint64_t>& count) {
    return count.load(std::memory_order_relaxed);
  };
  return {.connections = value(gauges_.connections),
          .streams = value(gauges_.streams),
          .accepted = value(gauges_.accepted),
          .refused_connections = value(gauges_.refused_connections),
          .refused_streams = value(gauges_.refused_streams),
          .bad_requests = value(gauges_.bad_requests),
          .late_requests = value(gauges_.late_requests),
          .late_responses = value(gauges_.late_responses)};
}

// ---- the waiting thread

void Server::wait_loop() {
  while (!wait_ends_.load(std::memory_order_acquire)) {
    collect_fds();
    poll_for(fds_, next_deadline(clock_.monotonic()));
    if (fds_[kBell].revents != 0) silence(bell_.get());
    take_returned();
    for (std::size_t i = 0; i < polled_.size(); ++i) {
      if (fds_[kFixed + i].revents != 0) on_ready(*polled_[i]);
    }
    const MonotonicTime now = clock_.monotonic();
    for (const auto& connection : connections_) check_deadline(*connection, now);
    sweep();
    if (fds_[kUnix].revents != 0) accept_from(unix_->fd(), Door::Socket);
    if (fds_[kLoopback].revents != 0) accept_from(loopback_.fd.get(), Door::Loopback);
  }
}

void Server::collect_fds() {
  const bool accepts = clock_.monotonic() >= accept_again_;
  const auto listener = [&](int fd) {
    return pollfd{.fd = accepts ? fd : -1, .events = POLLIN, .revents = 0};
  };
  fds_.clear();
  polled_.clear();
  fds_.push_back({.fd = bell_.get(), .events = POLLIN, .revents = 0});
  fds_.push_back(listener(unix_ ? unix_->fd() : -1));
  fds_.push_back(listener(loopback_.fd.get()));
  for (const auto& connection : connections_) {
    if (connection->state == State::Working || connection->state == State::Streaming) continue;
    const short events = connection->state == State::Writing ? POLLOUT : POLLIN;
    fds_.push_back({.fd = connection->fd.get(), .events = events, .revents = 0});
    polled_.push_back(connection.get());
  }
}

Duration Server::next_deadline(MonotonicTime now) const {
  Duration soonest = std::chrono::hours(1);
  for (const HttpConnection* connection : polled_) {
    soonest = std::min(soonest, connection->deadline - now);
  }
  if (accept_again_ > now) soonest = std::min(soonest, accept_again_ - now);
  return soonest;
}

void Server::accept_from(int listener, Door door) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      add_connection(std::move(fd), door);
      continue;
    }
    // Without descriptors the listener stays readable: look again in a while.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      accept_again_ = clock_.monotonic() + kAcceptPause;
    }
    if (errno != EINTR && errno != ECONNABORTED) return;
  }
}

void Server::add_connection(UniqueFd fd, Door door) {
  gauges_.accepted.fetch_add(1, std::memory_order_relaxed);
  Principal principal{.door = door};
  if (door == Door::Socket) {
    auto peer = peer_of(fd.get());
    if (!peer) return;
    principal = std::move(*peer);
  } else {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const bool full = gauges_.connections.load(std::memory_order_relaxed) >= limits_.connections_max;
  auto connection =
      std::make_unique<HttpConnection>(std::move(fd), std::move(principal),
                                       HttpParserLimits{.head_bytes_max = limits_.head_bytes_max,
                                                        .fields_max = limits_.fields_max,
                                                        .body_bytes_max = limits_.body_bytes_max});
  connection->deadline = clock_.monotonic() + limits_.idle_max;
  connections_.push_back(std::move(connection));
  if (full) {
    refuse_connection(*connections_.back());
  } else {
    connections_.back()->counted = true;
    gauges_.connections.fetch_add(1, std::memory_order_relaxed);
  }
}

void Server::refuse_connection(HttpConnection& connection) {
  gauges_.refused_connections.fetch_add(1, std::memory_order_relaxed);
  HttpRequest request;
  request.keep_alive = false;
  connection.out = serialize(
      request, busy("there are too many connections (close some, or try again)"), Body::Send);
  connection.send_some();
  const std::size_t lingerers_max = limits_.connections_max + limits_.streams_max + kLingerersMax;
  connections_.size() > lingerers_max ? close(connection) : linger(connection);
}

void Server::take_returned() {
  std::vector<HttpConnection*> returned;
  {
    const std::lock_guard lock(returned_mutex_);
    returned.swap(returned_);
  }
  for (HttpConnection* connection : returned) {
    if (connection->state == State::Streaming) {
      connection->stream_thread.join();
      gauges_.streams.fetch_sub(1, std::memory_order_relaxed);
      linger(*connection);
    } else if (connection->stream) {
      start_stream(*connection);
    } else {
      after_send(*connection, connection->send_some());
    }
  }
}

void Server::on_ready(HttpConnection& connection) {
  switch (connection.state) {
    case State::Reading:
      return read_some(connection);
    case State::Writing:
      return after_send(connection, connection.send_some());
    case State::Draining:
      return drain_some(connection);
    default:
      return;
  }
}

void Server::read_some(HttpConnection& connection) {
  std::array<char, kReadBytes> bytes;
  const ssize_t count = ::recv(connection.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return close(connection);
  connection.in.append(bytes.data(), static_cast<std::size_t>(count));
  parse(connection);
}

void Server::drain_some(HttpConnection& connection) {
  std::array<char, kReadBytes> bytes;
  const ssize_t count = ::recv(connection.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) close(connection);
}

void Server::parse(HttpConnection& connection) {
  const bool had_begun = connection.parser.begun();
  std::size_t taken = 0;
  const auto state = connection.parser.feed(connection.in, taken);
  connection.in.erase(0, taken);
  const MonotonicTime now = clock_.monotonic();
  if (!had_begun) connection.deadline = now + limits_.request_deadline;
  switch (state) {
    case HttpParser::State::NeedsMore:
      if (connection.parser.take_expectation()) {
        connection.out = "HTTP/1.1 100 Continue\r\n\r\n";
        if (connection.send_some() != Sent::All) close(connection);
      }
      return;
    case HttpParser::State::Bad:
      gauges_.bad_requests.fetch_add(1, std::memory_order_relaxed);
      return answer_fault(connection, connection.parser.fault().status,
                          connection.parser.fault().why);
    case HttpParser::State::Complete:
      connection.whole = now;
      connection.state = State::Working;
      {
        const std::lock_guard lock(work_mutex_);
        work_.push_back(&connection);
      }
      work_ready_.notify_one();
  }
}

void Server::answer_fault(HttpConnection& connection, int status, std::string_view why) {
  HttpRequest& request = connection.parser.request();
  request.keep_alive = false;
  connection.close_after = true;
  const Body body = request.method == "HEAD" ? Body::Omit : Body::Send;
  connection.out = serialize(request, problem(status, code_for(status), why), body);
  handler_.answered(0, status, Duration::zero());
  after_send(connection, connection.send_some());
}

void Server::after_send(HttpConnection& connection, Sent sent) {
  switch (sent) {
    case Sent::Failed:
      return close(connection);
    case Sent::All:
      return finish_answer(connection);
    case Sent::Part:
      // The deadline is of the whole answer.
      if (connection.state != State::Writing) {
        connection.deadline = clock_.monotonic() + limits_.response_deadline;
      }
      connection.state = State::Writing;
  }
}

void Server::finish_answer(HttpConnection& connection) {
  if (connection.close_after) return linger(connection);
  connection.state = State::Reading;
  connection.deadline = clock_.monotonic() + limits_.idle_max;
  connection.parser = HttpParser({.head_bytes_max = limits_.head_bytes_max,
                                  .fields_max = limits_.fields_max,
                                  .body_bytes_max = limits_.body_bytes_max});
  if (!connection.in.empty()) parse(connection);
}

// Closing at once would take the answer away from a client that is still sending.
void Server::linger(HttpConnection& connection) {
  if (::shutdown(connection.fd.get(), SHUT_WR) != 0) return close(connection);
  connection.state = State::Draining;
  connection.deadline = clock_.monotonic() + kLinger;
}

void Server::check_deadline(HttpConnection& connection, MonotonicTime now) {
  const bool waits = connection.state != State::Working && connection.state != State::Streaming;
  if (!waits || !connection.fd || connection.deadline > now) return;
  if (connection.state == State::Reading && connection.parser.begun()) {
    gauges_.late_requests.fetch_add(1, std::memory_order_relaxed);
    return answer_fault(connection, 408, "the request was not whole in time");
  }
  if (connection.state == State::Writing) {
    gauges_.late_responses.fetch_add(1, std::memory_order_relaxed);
  }
  close(connection);
}

void Server::start_stream(HttpConnection& connection) {
  if (connection.counted) {  // streams are counted apart
    connection.counted = false;
    gauges_.connections.fetch_sub(1, std::memory_order_relaxed);
  }
  connection.state = State::Streaming;
  try {
    connection.stream_thread = std::thread([this, &connection] {
      name_this_thread("weir-api-stream");
      run_stream(connection);
    });
  } catch (const std::system_error&) {
    gauges_.streams.fetch_sub(1, std::memory_order_relaxed);
    close(connection);
  }
}

// The object goes with the next sweep(): others may still hold a reference.
void Server::close(HttpConnection& connection) {
  connection.fd.reset();
  connection.state = State::Draining;
}

void Server::sweep() {
  const auto closed = [&](const std::unique_ptr<HttpConnection>& connection) {
    if (connection->fd) return false;
    if (connection->counted) gauges_.connections.fetch_sub(1, std::memory_order_relaxed);
    return true;
  };
  std::erase_if(connections_, closed);
}

// ---- workers

void Server::work_loop() {
  for (;;) {
    HttpConnection* connection = nullptr;
    {
      std::unique_lock lock(work_mutex_);
      work_ready_.wait(lock, [&] { return workers_end_ || !work_.empty(); });
      if (workers_end_) return;
      connection = work_.front();
      work_.pop_front();
    }
    serve(*connection);
    give_back(*connection);
  }
}

void Server::serve(HttpConnection& connection) {
  const HttpRequest request = std::move(connection.parser.request());
  HttpResponse response = ask_handler(connection, request);
  const bool head = request.method == "HEAD";
  if (response.stream && !head && !take_stream_slot()) {
    gauges_.refused_streams.fetch_add(1, std::memory_order_relaxed);
    const std::size_t tag = response.tag;
    response = busy(
        "there are too many event streams, tails and queries (end one; control.listeners_max says "
        "how many there may be)");
    response.tag = tag;
  }
  connection.close_after = !request.keep_alive;
  connection.chunked = request.minor_version == 1;
  connection.out = serialize(request, response, head ? Body::Omit : Body::Send);
  connection.send_some();  // what fails here fails again where it is given back
  handler_.answered(response.tag, response.status, clock_.monotonic() - connection.whole);
  if (!head) connection.stream = std::move(response.stream);
}

HttpResponse Server::ask_handler(const HttpConnection& connection, const HttpRequest& request) {
  try {
    return handler_.handle(request, connection.principal);
  } catch (const std::exception& error) {
    return problem(500, "internal", error.what());
  }
}

bool Server::take_stream_slot() {
  std::uint64_t now = gauges_.streams.load(std::memory_order_relaxed);
  do {
    if (now >= limits_.streams_max) return false;
  } while (!gauges_.streams.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
  return true;
}

void Server::give_back(HttpConnection& connection) {
  {
    const std::lock_guard lock(returned_mutex_);
    returned_.push_back(&connection);
  }
  ring(bell_.get());
}

// ---- streams

void Server::run_stream(HttpConnection& connection) {
  ConnectionWriter writer(connection, stop_.get(), connection.stream->end_fd(),
                          limits_.stream_stall_max, clock_, connection.chunked);
  try {
    if (connection.stream->run(writer) == HttpStream::Ending::Whole) writer.finish();
  } catch (const std::exception&) {
    // The client sees an answer without its end.
  }
  connection.stream.reset();
  give_back(connection);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(const HttpServerOptions& options,
                                                     HttpHandler& handler, const Clock& clock) {
  auto server = std::make_unique<Server>(options.limits, handler, clock);
  WEIR_CHECK(server->listen(options));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace weir::control

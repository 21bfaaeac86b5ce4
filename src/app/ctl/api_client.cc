#include "app/ctl/api_client.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>

#include "app/ctl/answers.h"
#include "app/human.h"
#include "base/unique_fd.h"
#include "security/user.h"

namespace weir::app {
namespace {

constexpr std::size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr auto kConnectPatience = std::chrono::seconds(5);
// A quiet link sends nothing for days.
constexpr auto kStreamPatience = std::chrono::hours(24 * 20);

Error failure(ErrorCode code, std::string context) {
  return {.code = code, .sys_errno = 0, .context = std::move(context)};
}

// errno of a connection like the one that failed; 0: this one was accepted.
int try_to_connect(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), kSocketPathMax));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  const void* const generic = &address;
  const auto* const where = static_cast<const sockaddr*>(generic);
  return ::connect(fd.get(), where, sizeof address) == 0 ? 0 : errno;
}

// Who may use the socket, or its folder where that hides it.
std::string who_may(const std::string& path) {
  struct stat facts {};
  std::string of = path;
  if (::stat(path.c_str(), &facts) != 0) {
    of = std::filesystem::path(path).parent_path().string();
    if (of.empty() || ::stat(of.c_str(), &facts) != 0) return "run as root: sudo weir ctl";
  }
  const bool for_group = (facts.st_mode & S_IWGRP) != 0 || of != path;
  const std::string group = security::name_of_group(facts.st_gid);
  if (!for_group || facts.st_gid == 0) return "run as root: sudo weir ctl";
  return "members of the group " + group + " may: sudo usermod -aG " + group +
         " \"$USER\", then log in again";
}

Error cannot_connect(const std::string& path) {
  const int error = try_to_connect(path);
  if (error == 0 || error == EAGAIN) {
    return failure(ErrorCode::Resource,
                   "connect to " + path + ": the engine takes no more connections (try again)");
  }
  Error result = system_error(error, "connect to " + path);
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      result.code = ErrorCode::NotFound;
      result.context +=
          " (no engine is running there: systemctl start weir, or weir run -c weir.toml; another "
          "socket: --socket PATH)";
      break;
    case EACCES:
    case EPERM:
      result.context += " (" + who_may(path) + ")";
      break;
    case ENOTSOCK:
    case EPROTOTYPE:
      result.code = ErrorCode::Usage;
      result.context += " (the engine's socket is [control] socket of its configuration)";
      break;
    default:
      break;
  }
  return result;
}

httplib::Request request_of(const ApiRequest& from) {
  httplib::Request request;
  request.method = from.method;
  request.path = from.path;
  request.body = from.body;
  request.set_header("Host", "localhost");  // by default it would be the socket's path
  request.set_header("Accept-Encoding", "identity");
  request.set_header("User-Agent", "weir/" WEIR_VERSION);
  if (!from.content_type.empty()) request.set_header("Content-Type", from.content_type);
  for (const auto& [name, value] : from.headers) request.set_header(name.c_str(), value);
  return request;
}

// Puts together a body of bounded size.
class Collector {
 public:
  bool add(const char* data, std::size_t bytes) {
    if (body_.size() + bytes > ApiClient::kAnswerBytesMax) {
      too_large_ = true;
      return false;
    }
    body_.append(data, bytes);
    return true;
  }
  [[nodiscard]] bool too_large() const noexcept { return too_large_; }
  std::string take() { return std::move(body_); }

 private:
  std::string body_;
  bool too_large_ = false;
};

bool refused(int status) noexcept { return status < 200 || status > 299; }

}  // namespace

struct ApiClient::Parts {
  Parts(std::string path, Duration wait, const Clock& its_clock)
      : socket(std::move(path)), patience(wait), clock(its_clock) {}

  std::string socket;
  Duration patience;
  const Clock& clock;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  httplib::Client* current = nullptr;  // guarded by `mutex`

  // Sends the request; what the receivers of `request` get is theirs. httplib's error, and what was
  // begun of an answer.
  std::pair<httplib::Error, httplib::Response> send(httplib::Request& request, Duration wait) {
    httplib::Client client(socket, 80);
    client.set_address_family(AF_UNIX);
    client.set_keep_alive(false);
    client.set_url_encode(false);
    client.set_decompress(false);
    client.set_connection_timeout(kConnectPatience);
    client.set_read_timeout(std::chrono::ceil<std::chrono::microseconds>(wait));
    client.set_write_timeout(std::chrono::ceil<std::chrono::microseconds>(patience));
    set_current(&client);
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    if (stopped) {
      error = httplib::Error::Canceled;
    } else {
      client.send(request, response, error);
    }
    set_current(nullptr);
    return {error, std::move(response)};
  }

  void set_current(httplib::Client* client) {
    const std::lock_guard lock(mutex);
    current = client;
  }

  [[nodiscard]] Error error_of(httplib::Error error) const {
    switch (error) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
        return cannot_connect(socket);
      default:
        return failure(ErrorCode::Damaged,
                       "the answer from " + socket +
                           " broke off, or is no answer of an engine (is it weir that listens "
                           "there, and does it still run?)");
    }
  }

  [[nodiscard]] Error too_late() const {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience).count();
    return failure(ErrorCode::TimedOut,
                   "no answer from " + socket + " within " + std::to_string(seconds) +
                       " s (is the engine stopped, or overloaded? systemctl status weir)");
  }
};

ApiClient::ApiClient(std::string socket, Duration patience, const Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(socket), patience, clock)) {}

ApiClient::~ApiClient() = default;

void ApiClient::stop() noexcept {
  parts_->stopped = true;
  const std::lock_guard lock(parts_->mutex);
  if (parts_->current != nullptr) parts_->current->stop();
}

Result<ApiAnswer> ApiClient::ask(const ApiRequest& asked) {
  if (parts_->socket.empty() || parts_->socket.size() > kSocketPathMax) {
    return failure(ErrorCode::Usage, "--socket " + parts_->socket +
                                         ": no path that a socket can have (1 to " +
                                         std::to_string(kSocketPathMax) + " bytes)");
  }
  Collector body;
  httplib::Request request = request_of(asked);
  request.content_receiver = [&](const char* data, std::size_t bytes, std::uint64_t,
                                 std::uint64_t) { return body.add(data, bytes); };
  const MonotonicTime begin = parts_->clock.monotonic();
  auto [error, response] = parts_->send(request, parts_->patience);
  if (body.too_large()) {
    return failure(ErrorCode::Damaged,
                   "the answer to " + asked.method + " " + asked.path + " is larger than " +
                       bytes_text(static_cast<double>(kAnswerBytesMax)) + " (ask for less)");
  }
  if (error == httplib::Error::Read && parts_->clock.monotonic() - begin >= parts_->patience)
    return parts_->too_late();
  if (error != httplib::Error::Success) return parts_->error_of(error);
  return ApiAnswer{.status = response.status,
                   .content_type = response.get_header_value("Content-Type"),
                   .etag = response.get_header_value("ETag"),
                   .body = body.take()};
}

Result<ApiAnswer> ApiClient::call(const ApiRequest& request) {
  WEIR_TRY(ApiAnswer answer, ask(request));
  if (refused(answer.status)) return refusal_of(answer);
  return answer;
}

Result<StreamEnd> ApiClient::stream(const ApiRequest& asked, StreamReceiver& receiver,
                                    std::optional<Duration> quiet) {
  Collector refusal;
  int status = 0;
  bool enough = false;
  MonotonicTime newest = parts_->clock.monotonic();
  httplib::Request request = request_of(asked);
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    newest = parts_->clock.monotonic();
    if (refused(status)) return true;
    if (response.has_header("Weir-Query")) {
      receiver.is_query(response.get_header_value<std::uint64_t>("Weir-Query"));
    }
    enough = !receiver.begin();
    return !enough;
  };
  request.content_receiver = [&](const char* data, std::size_t bytes, std::uint64_t,
                                 std::uint64_t) {
    if (refused(status)) return refusal.add(data, bytes);
    newest = parts_->clock.monotonic();
    enough = !receiver.receive({data, bytes});
    return !enough;
  };
  const Duration wait = quiet.value_or(kStreamPatience);
  auto [error, response] = parts_->send(request, wait);
  if (parts_->stopped) return StreamEnd::Stopped;
  if (enough) return StreamEnd::ByReceiver;
  if (refused(status) && error == httplib::Error::Success) {
    return refusal_of({.status = status,
                       .content_type = response.get_header_value("Content-Type"),
                       .etag = {},
                       .body = refusal.take()});
  }
  if (error == httplib::Error::Success) return StreamEnd::ByEngine;
  if (status == 0) return parts_->error_of(error);
  if (quiet && parts_->clock.monotonic() - newest >= wait) return StreamEnd::Quiet;
  return failure(ErrorCode::Truncated,
                 "the engine ended the stream in the middle (does it still run? weir ctl status)");
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace weir::app

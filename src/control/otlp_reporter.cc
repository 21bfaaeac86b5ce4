#include "control/otlp_reporter.h"

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <charconv>

namespace weir::control {
namespace {

constexpr std::size_t kPointsMax = 2000;            // of one payload
constexpr std::size_t kAnswerBytesMax = 64 * 1024;  // that are read of an answer
constexpr std::string_view kLogsBegin = "{\"resourceLogs\"";

struct Url {
  std::string origin;  // "http://127.0.0.1:4318"
  std::string path;    // without a slash at its end
};

Result<Url> parse_url(const std::string& text) {
  const auto bad = [&](std::string_view why) {
    return Error{.code = ErrorCode::Usage,
                 .context = "report to " + text + ": " + std::string(why) +
                            " (write http://HOST:PORT or https://HOST:PORT, with a path if the "
                            "receiver has one)"};
  };
  const std::size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return bad("the URL is neither http nor https");
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain || text.find_first_of("@?#\\") != std::string::npos) {
    return bad("the URL has something that has no place in it");
  }
  const std::size_t slash = text.find('/', scheme);
  Url url{.origin = text.substr(0, slash),
          .path = slash == std::string::npos ? "" : text.substr(slash)};
  while (url.path.ends_with('/')) url.path.pop_back();
  if (url.origin.size() == scheme) return bad("the URL has no host");
  const std::size_t colon = url.origin.rfind(':');
  if (colon > scheme && url.origin.find(']', colon) == std::string::npos) {
    std::uint16_t port = 0;
    const char* const last = url.origin.data() + url.origin.size();
    const auto [end, error] = std::from_chars(url.origin.data() + colon + 1, last, port);
    if (error != std::errc() || end != last || port == 0) return bad("its port is no port");
  }
  return url;
}

// What came of a POST.
struct Outcome {
  int status = 0;   // 0: no answer
  std::string why;  // there was none
  Duration retry_after{};
};

Duration seconds_of(const std::string& text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return std::chrono::seconds(whole ? seconds : 0);
}

class Reporter final : public OtlpReporter {
 public:
  Reporter(OtlpOptions options, Url url, PayloadQueue& queue, OutageObserver& observer,
           const Clock& clock)
      : options_(std::move(options)),
        url_(std::move(url)),
        queue_(queue),
        observer_(observer),
        clock_(clock),
        backoff_(options_.backoff_min),
        client_(url_.origin) {
    client_.set_connection_timeout(options_.time_limit);
    client_.set_read_timeout(options_.time_limit);
    client_.set_write_timeout(options_.time_limit);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);  // head and body go out apart
    client_.set_decompress(false);
  }

  void report(std::span<const ReportMetric> metrics, std::span<const ReportEvent> events) override {
    while (!metrics.empty()) {
      const auto some = metrics.first(std::min(metrics.size(), kPointsMax));
      push(otlp_metrics(options_.resource, clock_.wall(), some));
      metrics = metrics.subspan(some.size());
    }
    while (!events.empty()) {
      const auto some = events.first(std::min(events.size(), kPointsMax));
      push(otlp_logs(options_.resource, clock_.wall(), some));
      events = events.subspan(some.size());
    }
  }

  [[nodiscard]] bool due(MonotonicTime now) const noexcept override {
    return !stopped_.load(std::memory_order_relaxed) && now >= next_try_ && queue_.bytes() > 0;
  }

  void step(MonotonicTime now) override {
    for (std::size_t i = 0; i < options_.batch_max && due(now); ++i) {
      auto payload = queue_.front();
      if (!payload) return queue_failed(now);
      if (!payload->has_value()) return;
      if (!settle(post(**payload), (*payload)->size(), now)) return;
    }
  }

  void stop() noexcept override {
    stopped_.store(true, std::memory_order_relaxed);
    client_.stop();
  }

  [[nodiscard]] const OtlpStatistics& statistics() const noexcept override { return statistics_; }

 private:
  void push(std::string payload) {
    const auto overflowed = queue_.push(std::move(payload));
    if (overflowed) {
      statistics_.overflowed.add(*overflowed);
    } else {
      statistics_.queue_errors.add();
    }
  }

  void queue_failed(MonotonicTime now) {
    statistics_.queue_errors.add();
    next_try_ = now + options_.backoff_max;
  }

  Outcome post(const std::string& payload) {
    Outcome outcome;
    httplib::Request request;
    request.method = "POST";
    request.path = url_.path + (payload.starts_with(kLogsBegin) ? "/v1/logs" : "/v1/metrics");
    request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "weir"}};
    request.body = payload;
    request.response_handler = [&](const httplib::Response& response) {
      outcome.status = response.status;
      outcome.retry_after = seconds_of(response.get_header_value("Retry-After"));
      return true;
    };
    // What it says beside the status is of no use; a long answer is not read to its end.
    std::size_t bytes = 0;
    request.content_receiver = [&](const char* /*data*/, std::size_t length,
                                   std::uint64_t /*offset*/, std::uint64_t /*total*/) {
      bytes += length;
      return bytes <= kAnswerBytesMax;
    };
    const auto result = client_.send(request);
    if (!result && outcome.status == 0) outcome.why = httplib::to_string(result.error());
    return outcome;
  }

  // Whether the next payload may be sent at once.
  bool settle(const Outcome& outcome, std::size_t bytes, MonotonicTime now) {
    const int status = outcome.status;
    const bool taken = status >= 200 && status < 300;
    const bool hopeless = status >= 400 && status < 500 && status != 429;
    if (!taken && !hopeless) {
      failed(outcome, now);
      return false;
    }
    backoff_ = options_.backoff_min;
    if (outage_since_) {
      observer_.outage_ended(now - *outage_since_);
      outage_since_.reset();
    }
    if (taken) {
      statistics_.sent.add();
      statistics_.sent_bytes.add(bytes);
    } else {
      statistics_.refused.add();
      if (!refusing_) observer_.reports_refused(status);
    }
    refusing_ = hopeless;
    if (queue_.pop()) return true;
    queue_failed(now);
    return false;
  }

  void failed(const Outcome& outcome, MonotonicTime now) {
    if (stopped_.load(std::memory_order_relaxed)) return;  // its own doing
    statistics_.failed.add();
    next_try_ = now + std::min(std::max(backoff_, outcome.retry_after), options_.backoff_max);
    backoff_ = std::min(backoff_ * 2, options_.backoff_max);
    if (outage_since_) return;
    outage_since_ = now;
    observer_.outage_began(outcome.status == 0
                               ? "no answer: " + outcome.why
                               : "it answers with status " + std::to_string(outcome.status));
  }

  const OtlpOptions options_;
  const Url url_;
  PayloadQueue& queue_;
  OutageObserver& observer_;
  const Clock& clock_;
  OtlpStatistics statistics_;
  MonotonicTime next_try_{};
  Duration backoff_;
  std::optional<MonotonicTime> outage_since_;
  bool refusing_ = false;
  std::atomic<bool> stopped_{false};
  httplib::Client client_;
};

}  // namespace

Result<std::unique_ptr<OtlpReporter>> OtlpReporter::create(OtlpOptions options, PayloadQueue& queue,
                                                           OutageObserver& observer,
                                                           const Clock& clock) {
  WEIR_TRY(Url url, parse_url(options.url));
  return std::unique_ptr<OtlpReporter>(
      std::make_unique<Reporter>(std::move(options), std::move(url), queue, observer, clock));
}

}  // namespace weir::control

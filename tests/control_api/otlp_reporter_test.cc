// Reports to a receiver on the loopback, which is there, away or unwilling.
#include "control/otlp_reporter.h"

#include <httplib.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/fake_clock.h"

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class MemoryQueue final : public PayloadQueue {
 public:
  explicit MemoryQueue(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  Result<std::uint64_t> push(std::string payload) override {
    if (broken) return Error{.code = ErrorCode::Io, .context = "broken"};
    bytes_ += payload.size();
    payloads_.push_back(std::move(payload));
    std::uint64_t dropped = 0;
    for (; bytes_ > bytes_max_; ++dropped) drop();
    return dropped;
  }
  [[nodiscard]] Result<std::optional<std::string>> front() override {
    if (broken) return Error{.code = ErrorCode::Io, .context = "broken"};
    if (payloads_.empty()) return std::optional<std::string>();
    return std::optional<std::string>(payloads_.front());
  }
  Result<void> pop() override {
    drop();
    return ok();
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept override { return bytes_; }
  [[nodiscard]] std::size_t size() const { return payloads_.size(); }

  bool broken = false;

 private:
  void drop() {
    bytes_ -= payloads_.front().size();
    payloads_.pop_front();
  }
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::deque<std::string> payloads_;
};

class Observer final : public OutageObserver {
 public:
  void outage_began(std::string_view why) override { told.push_back("began: " + std::string(why)); }
  void outage_ended(Duration lasted) override {
    told.push_back("ended: " + std::to_string(lasted / 1s) + " s");
  }
  void reports_refused(int status) override {
    told.push_back("refused: " + std::to_string(status));
  }
  std::vector<std::string> told;
};

// Takes reports on a port that stays its own while it is away.
class Receiver {
 public:
  Receiver() { come(); }
  ~Receiver() { go(); }

  void come() {
    server_ = std::make_unique<httplib::Server>();
    server_->set_tcp_nodelay(true);
    server_->Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      response.status = status;
      if (!retry_after.empty()) response.set_header("Retry-After", retry_after);
      response.set_content(std::string(answer_bytes, 'x'), "application/json");
      if (status == 200) {
        bodies_.push_back(request.body);
        paths_.push_back(request.path);
      }
      type_ = request.get_header_value("Content-Type");
    });
    if (port_ == 0) {
      port_ = server_->bind_to_any_port("127.0.0.1");
    } else {
      EXPECT_TRUE(server_->bind_to_port("127.0.0.1", port_));
    }
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }
  void go() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
    server_.reset();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  [[nodiscard]] std::vector<std::string> paths() {
    const std::lock_guard lock(mutex_);
    return paths_;
  }
  [[nodiscard]] std::string type() {
    const std::lock_guard lock(mutex_);
    return type_;
  }

  int status = 200;
  std::string retry_after;
  std::size_t answer_bytes = 2;

 private:
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::vector<std::string> paths_;
  std::string type_;
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

class OtlpReporterTest : public testing::Test {
 protected:
  void open(std::uint64_t queue_bytes = 1024 * 1024, const std::string& path = "") {
    queue_ = std::make_unique<MemoryQueue>(queue_bytes);
    auto reporter = OtlpReporter::create(
        {.url = receiver_.url() + path, .resource = {.host = "h"}, .batch_max = 1000}, *queue_,
        observer_, clock_);
    ASSERT_TRUE(reporter.ok()) << reporter.error().context;
    reporter_ = std::move(*reporter);
  }
  void report(double value) {
    const std::vector<ReportMetric> metrics = {{.name = "n", .value = value}};
    reporter_->report(metrics, {});
  }
  void step() { reporter_->step(clock_.monotonic()); }
  std::vector<double> values() {
    std::vector<double> found;
    for (const std::string& body : receiver_.bodies()) {
      found.push_back(json::parse(body)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
                                       ["gauge"]["dataPoints"][0]["asDouble"]);
    }
    return found;
  }

  test::FakeClock clock_;
  Receiver receiver_;
  Observer observer_;
  std::unique_ptr<MemoryQueue> queue_;
  std::unique_ptr<OtlpReporter> reporter_;
};

TEST_F(OtlpReporterTest, SendsWhatThereIs) {
  open();
  EXPECT_FALSE(reporter_->due(clock_.monotonic()));
  reporter_->report({}, {});
  EXPECT_FALSE(reporter_->due(clock_.monotonic()));
  report(1);
  const std::vector<ReportEvent> events = {{.severity = "info", .text = "x"}};
  reporter_->report({}, events);
  EXPECT_TRUE(reporter_->due(clock_.monotonic()));
  step();
  EXPECT_EQ(receiver_.paths(), (std::vector<std::string>{"/v1/metrics", "/v1/logs"}));
  EXPECT_EQ(receiver_.type(), "application/json");
  EXPECT_EQ(reporter_->statistics().sent.value(), 2u);
  EXPECT_GT(reporter_->statistics().sent_bytes.value(), 100u);
  EXPECT_EQ(queue_->size(), 0u);
  EXPECT_TRUE(observer_.told.empty());
}

TEST_F(OtlpReporterTest, PutsItsPathBehindTheReceivers) {
  open(1024 * 1024, "/otlp/");
  report(1);
  step();
  EXPECT_EQ(receiver_.paths(), (std::vector<std::string>{"/otlp/v1/metrics"}));
}

TEST_F(OtlpReporterTest, CatchesUpInOrderAfterAnHour) {
  open();
  receiver_.go();
  std::vector<double> reported;
  int attempts = 0;
  for (int second = 0; second < 3600; second += 30) {
    report(second);
    reported.push_back(second);
    attempts += reporter_->due(clock_.monotonic()) ? 1 : 0;
    step();
    clock_.advance(30s);
  }
  EXPECT_EQ(queue_->size(), 120u);
  // 1, 2, 4 ... 256, then every 300 s: as far as a step comes every 30 s.
  EXPECT_GE(attempts, 10);
  EXPECT_LE(attempts, 25);
  EXPECT_EQ(reporter_->statistics().failed.value(), static_cast<std::uint64_t>(attempts));
  EXPECT_EQ(observer_.told.size(), 1u);
  EXPECT_TRUE(observer_.told[0].starts_with("began: no answer: ")) << observer_.told[0];
  receiver_.come();
  clock_.advance(5min);
  step();
  EXPECT_EQ(values(), reported);
  EXPECT_EQ(queue_->size(), 0u);
  ASSERT_EQ(observer_.told.size(), 2u);
  EXPECT_EQ(observer_.told[1], "ended: 3900 s");
}

TEST_F(OtlpReporterTest, DropsTheOldestWhereTheQueueIsFull) {
  open(2000);
  receiver_.go();
  for (int i = 0; i < 50; ++i) report(i);
  const std::size_t kept = queue_->size();
  EXPECT_LT(kept, 50u);
  EXPECT_GT(kept, 2u);
  EXPECT_EQ(reporter_->statistics().overflowed.value(), 50 - kept);
  receiver_.come();
  step();
  const auto arrived = values();
  ASSERT_EQ(arrived.size(), kept);
  EXPECT_EQ(arrived.front(), 50.0 - static_cast<double>(kept));
  EXPECT_EQ(arrived.back(), 49.0);
}

TEST_F(OtlpReporterTest, ThrowsAwayWhatIsNeverTaken) {
  open();
  receiver_.status = 400;
  report(1);
  report(2);
  step();
  EXPECT_EQ(queue_->size(), 0u);
  EXPECT_EQ(reporter_->statistics().refused.value(), 2u);
  receiver_.status = 200;
  report(3);
  step();
  receiver_.status = 404;
  report(4);
  step();
  EXPECT_EQ(observer_.told, (std::vector<std::string>{"refused: 400", "refused: 404"}));
}

TEST_F(OtlpReporterTest, WaitsWhereTheReceiverIsBusy) {
  open();
  for (const int busy : {429, 500, 503}) {
    receiver_.status = busy;
    report(busy);
    step();
    EXPECT_EQ(queue_->size(), 1u) << busy;
    EXPECT_FALSE(reporter_->due(clock_.monotonic()));
    clock_.advance(1s);
    EXPECT_TRUE(reporter_->due(clock_.monotonic()));
    receiver_.status = 200;
    step();
    EXPECT_EQ(queue_->size(), 0u);
  }
  EXPECT_EQ(observer_.told.size(), 6u);
  EXPECT_EQ(observer_.told[0], "began: it answers with status 429");
}

TEST_F(OtlpReporterTest, WaitsAsLongAsItIsAskedTo) {
  open();
  receiver_.status = 503;
  receiver_.retry_after = "60";
  report(1);
  step();
  clock_.advance(59s);
  EXPECT_FALSE(reporter_->due(clock_.monotonic()));
  clock_.advance(1s);
  EXPECT_TRUE(reporter_->due(clock_.monotonic()));
  receiver_.retry_after = "999999";  // five minutes at most
  step();
  clock_.advance(5min);
  EXPECT_TRUE(reporter_->due(clock_.monotonic()));
}

TEST_F(OtlpReporterTest, ReadsNoEndlessAnswers) {
  open();
  receiver_.answer_bytes = 10 * 1024 * 1024;
  report(1);
  report(2);
  step();
  EXPECT_EQ(receiver_.bodies().size(), 2u);
  EXPECT_EQ(queue_->size(), 0u);
}

TEST_F(OtlpReporterTest, SplitsLargeReports) {
  open(64 * 1024 * 1024);
  std::vector<ReportMetric> metrics(4500);
  for (ReportMetric& metric : metrics) metric.name = "n";
  reporter_->report(metrics, {});
  EXPECT_EQ(queue_->size(), 3u);
}

TEST_F(OtlpReporterTest, CountsTroubleWithTheQueue) {
  open();
  report(1);
  queue_->broken = true;
  report(2);
  step();
  EXPECT_EQ(reporter_->statistics().queue_errors.value(), 2u);
  queue_->broken = false;
  clock_.advance(5min);
  step();
  EXPECT_EQ(values(), (std::vector<double>{1}));
}

TEST_F(OtlpReporterTest, SendsNothingOnceItIsStopped) {
  open();
  report(1);
  reporter_->stop();
  step();
  EXPECT_TRUE(receiver_.bodies().empty());
  EXPECT_TRUE(observer_.told.empty());
}

TEST(OtlpUrl, IsChecked) {
  MemoryQueue queue(1000);
  Observer observer;
  test::FakeClock clock;
  const auto good = [&](const std::string& url) {
    return OtlpReporter::create({.url = url, .resource = {}}, queue, observer, clock).ok();
  };
  for (const char* url : {"http://collector", "http://127.0.0.1:4318", "https://c.example/otlp/",
                          "http://[::1]:4318", "http://[::1]"}) {
    EXPECT_TRUE(good(url)) << url;
  }
  for (const char* url :
       {"", "collector:4318", "ftp://c", "http://", "http:///x", "http://u:p@c", "http://c:0",
        "http://c:99999", "http://c:x", "http://c/?a=b", "http://a b", "http://c/\r\nX: y"}) {
    EXPECT_FALSE(good(url)) << url;
  }
}

}  // namespace
}  // namespace weir::control

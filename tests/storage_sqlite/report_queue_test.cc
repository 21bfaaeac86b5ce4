// Reports wait in their order, within their bound, whatever happens to process and file.
#include "storage/report_queue.h"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fault_vfs.h"
#include "stores.h"

namespace weir::storage {
namespace {

using testing::HasSubstr;

std::unique_ptr<ReportQueue> open_queue(const std::string& path, const Clock& clock,
                                        const ReportQueueOptions& options = {}) {
  auto opened = ReportQueue::open(path, options, clock);
  EXPECT_TRUE(opened) << opened.error().context;
  if (!opened) return nullptr;
  EXPECT_EQ(opened->warning, "");
  return std::move(opened->queue);
}

TEST(ReportQueue, GivesReportsInTheirOrderUntilTheyArePopped) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const auto queue = open_queue(dir.file("reports.db"), clock);
  EXPECT_TRUE(queue->front(10).value().empty());
  EXPECT_EQ(queue->push("first").value(), 1U);
  EXPECT_EQ(queue->push("").value(), 2U);
  EXPECT_EQ(queue->push(std::string("a\0b", 3)).value(), 3U);
  const auto two = queue->front(2).value();
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].payload, "first");
  EXPECT_EQ(two[1].payload, "");
  ASSERT_TRUE(queue->pop(two[1].id));
  ASSERT_TRUE(queue->pop(two[1].id));
  const auto last = queue->front(10).value();
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].payload, std::string("a\0b", 3));
  EXPECT_EQ(queue->status().reports, 1U);
  EXPECT_EQ(queue->status().bytes, 3 + kReportRowBytes);
}

TEST(ReportQueue, APortionIsBoundedInBytesButNeverEmpty) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const auto queue = open_queue(dir.file("reports.db"), clock);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue->push(std::string(1000, 'x')));
  EXPECT_EQ(queue->front(10, 10).value().size(), 1U);
  EXPECT_EQ(queue->front(10, 2999).value().size(), 2U);
  EXPECT_EQ(queue->front(10, 3000).value().size(), 3U);
}

TEST(ReportQueue, AReportLargerThanTheBoundIsRefused) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const auto queue = open_queue(dir.file("reports.db"), clock, {.bytes_max = 1000});
  ASSERT_TRUE(queue->push("small"));
  const auto refused = queue->push(std::string(1000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Usage);
  EXPECT_EQ(queue->front(10).value().size(), 1U);
}

TEST(ReportQueue, RandomOperationsAgreeWithAModel) {
  FaultVfs vfs;
  const test::TempDir dir;
  const test::FakeClock clock;
  const ReportQueueOptions options{.bytes_max = 20'000};
  auto queue = open_queue(dir.file("reports.db"), clock, options);
  std::deque<std::pair<std::uint64_t, std::string>> model;
  std::uint64_t bytes = 0;
  std::uint64_t dropped = 0;
  const auto remove_first = [&] {
    bytes -= model.front().second.size() + kReportRowBytes;
    model.pop_front();
  };
  Prng random(20'261'121);
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t what = random.below(100);
    if (what < 60) {
      const std::string payload = random_text(random, 3000);
      const auto id = queue->push(payload);
      ASSERT_TRUE(id);
      ASSERT_TRUE(model.empty() || *id > model.back().first);
      bytes += payload.size() + kReportRowBytes;
      model.emplace_back(*id, payload);
      while (bytes > options.bytes_max) {
        remove_first();
        ++dropped;
      }
    } else if (what < 80) {
      const auto front = queue->front(1 + random.below(8)).value();
      ASSERT_EQ(front.empty(), model.empty());
      for (std::size_t k = 0; k < front.size(); ++k) {
        ASSERT_EQ(front[k].id, model[k].first);
        ASSERT_EQ(front[k].payload, model[k].second);
      }
      if (!front.empty() && random.chance(1, 2)) {
        ASSERT_TRUE(queue->pop(front.back().id));
        for (std::size_t k = 0; k < front.size(); ++k) remove_first();
      }
    } else if (what < 83) {
      ASSERT_EQ(queue->status().dropped, dropped);
      queue.reset();
      queue = open_queue(dir.file("reports.db"), clock, options);
      dropped = 0;
    }
    ASSERT_EQ(queue->status().reports, model.size());
    ASSERT_EQ(queue->status().bytes, bytes);
  }
  queue.reset();
  EXPECT_LT(std::filesystem::file_size(dir.file("reports.db")), 4 * options.bytes_max);
}

TEST(ReportQueue, AFullDiskIsAnErrorAndNothingIsHalfDone) {
  const test::FakeClock clock;
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    const test::TempDir dir;
    FaultVfs vfs;
    auto queue = open_queue(dir.file("reports.db"), clock, {.bytes_max = 30'000});
    std::vector<std::string> pushed;
    for (int i = 0; i < 3; ++i) {
      pushed.push_back(std::string(9000, static_cast<char>('a' + i)));
      ASSERT_TRUE(queue->push(pushed.back()));
    }
    vfs.fail_at(Fault::DiskFull, n, false);
    const auto fourth = queue->push(std::string(9000, 'd'));
    const auto popped = fourth ? queue->pop(2) : ok();
    const bool struck = vfs.has_struck();
    vfs.heal();
    failures += fourth && popped ? 0U : 1U;
    std::string expected = !fourth ? "abc" : popped ? "cd" : "bcd";
    for (int round = 0; round < 2; ++round) {
      std::string seen;
      const auto reports = queue->front(10).value();
      for (const auto& report : reports) {
        seen += report.payload.at(0);
      }
      ASSERT_EQ(seen, expected);
      ASSERT_EQ(queue->status().reports, expected.size());
      queue.reset();
      queue = open_queue(dir.file("reports.db"), clock, {.bytes_max = 30'000});
    }
    ASSERT_TRUE(queue->push("e"));
    if (!struck) break;
  }
  EXPECT_GT(failures, 3U);
}

TEST(ReportQueue, ADamagedReportIsLeftOutAndCounted) {
  FaultVfs vfs;
  const test::TempDir dir;
  const test::FakeClock clock;
  const std::string path = dir.file("reports.db");
  {
    const auto queue = open_queue(path, clock);
    for (const char* text : {"report one", "report two", "report three"}) {
      ASSERT_TRUE(queue->push(text));
    }
  }
  std::string content = read_file(path);
  content[content.find("report two") + 7] = 'T';
  write_file(path, content);
  RecordedWarnings warnings;
  auto opened = ReportQueue::open(path, {.observer = &warnings}, clock);
  ASSERT_TRUE(opened);
  const auto front = opened->queue->front(10).value();
  ASSERT_EQ(front.size(), 2U);
  EXPECT_EQ(front[1].payload, "report three");
  EXPECT_EQ(opened->queue->status().damaged, 1U);
  ASSERT_EQ(warnings.sentences.size(), 1U);
  EXPECT_THAT(warnings.sentences[0], HasSubstr("report 2 was damaged"));
  EXPECT_EQ(opened->queue->front(10).value().size(), 2U);
  EXPECT_EQ(opened->queue->status().reports, 2U);
}

TEST(ReportQueue, ADamagedFileIsReplaced) {
  const test::TempDir dir;
  const test::FakeClock clock;
  write_file(dir.file("reports.db"), std::string(10'000, 'x'));
  auto opened = ReportQueue::open(dir.file("reports.db"), {}, clock);
  ASSERT_TRUE(opened);
  EXPECT_THAT(opened->warning, HasSubstr("queue of reports"));
  EXPECT_EQ(opened->queue->push("first").value(), 1U);
}

}  // namespace
}  // namespace weir::storage

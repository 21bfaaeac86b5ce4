#include "output/background_work.h"

#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::output {
namespace {

class Recorder final : public BackgroundWork::Worker {
 public:
  void work_on(const std::string& name) noexcept override {
    if (name == "wait") go_.wait(false);
    done.push_back(name);
  }
  void go() {
    go_ = true;
    go_.notify_all();
  }
  std::vector<std::string> done;  // to be looked at when the work is finished

 private:
  std::atomic<bool> go_ = false;
};

TEST(BackgroundWork, IsDoneInOrderAndAllOfItBeforeFinishReturns) {
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back(std::to_string(i));
  Recorder recorder;
  BackgroundWork work(recorder);
  for (const std::string& name : names) work.add(name);
  work.finish();
  EXPECT_EQ(recorder.done, names);
}

TEST(BackgroundWork, NobodyWaitsForIt) {
  Recorder recorder;
  BackgroundWork work(recorder);
  work.add("wait");
  work.add("x");
  recorder.go();  // reached although the first is not done
  work.finish();
  EXPECT_EQ(recorder.done.size(), 2u);
}

TEST(BackgroundWork, NothingToDoNeedsNoThread) {
  Recorder recorder;
  BackgroundWork(recorder).finish();
  EXPECT_TRUE(recorder.done.empty());
}

}  // namespace
}  // namespace weir::output

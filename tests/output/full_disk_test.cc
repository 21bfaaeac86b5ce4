// A disk that is really full: a small tmpfs in a mount namespace of the test's own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <gtest/gtest.h>

#include "output/open_pcapng.h"
#include "output/pcapng_file.h"
#include "output_fixture.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

TEST(FullDisk, KeepsWholePacketsAndCountsTheRest) {
  ASSERT_EQ(unshare(CLONE_NEWNS), 0) << "needs root";
  ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const test::TempDir dir;
  for (const bool direct : {true, false}) {
    for (const bool io_uring : {direct, false}) {
      SCOPED_TRACE((io_uring ? "io_uring " : "posix ") +
                   std::string(direct ? "direct" : "buffered"));
      ASSERT_EQ(mount("none", dir.path().c_str(), "tmpfs", 0, "size=5000k"), 0);
      const std::string path = dir.file("out.pcapng");
      auto sink = PcapngFile::open({.path = path, .direct = direct, .io_uring = io_uring}).value();
      InterfaceTable interfaces;
      interfaces.add({});
      Prng random(11);
      std::vector<Offered> offered;
      while (sink->reserve()) {
        TestBatch batch;
        Verdicts verdicts{};
        draw_batch(random, 1500, batch, verdicts, offered);
        sink->write({batch.batch(), interfaces, verdicts, kSession});
        expect_law(sink->statistics());
      }
      const auto closed = sink->close();
      ASSERT_FALSE(closed);
      EXPECT_EQ(closed.error().code, ErrorCode::NoSpace) << closed.error().context;
      const auto& statistics = sink->statistics();
      EXPECT_EQ(statistics.pending.value(), 0U);
      EXPECT_EQ(statistics.lost[static_cast<std::size_t>(LostReason::NoSpace)].value(),
                offered.size() - statistics.written.value());
      EXPECT_EQ(statistics.written_bytes.value(), std::filesystem::file_size(path));
      EXPECT_GT(statistics.written_bytes.value(), 3'000'000U);
      expect_prefix(test::walk_pcapng_file(path), offered, statistics.written.value());
      sink.reset();
      // The kernel may hold the ring's reference to the file a moment longer.
      ASSERT_EQ(umount2(dir.path().c_str(), MNT_DETACH), 0);
    }
  }
}

}  // namespace
}  // namespace weir::output

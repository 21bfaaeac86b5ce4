// Which sink a path gets, and what is said when it gets none.
#include "output/open_pcapng.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "output/pcapng_file.h"
#include "output/pcapng_pipe.h"
#include "output_fixture.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

TEST(OpenPcapng, ARegularFileIsCreatedOrEmptied) {
  const test::TempDir dir;
  const std::string path = dir.file("out.pcapng");
  std::ofstream(path) << std::string(100'000, 'x');
  auto sink = open_pcapng({.path = path});
  ASSERT_TRUE(sink);
  EXPECT_NE(dynamic_cast<PcapngFile*>(sink->get()), nullptr);
  EXPECT_EQ((*sink)->path(), path);
  EXPECT_EQ((*sink)->kind(), "pcapng");
  ASSERT_TRUE((*sink)->close());
  EXPECT_EQ(test::walk_pcapng_file(path).error, "");
  EXPECT_EQ(std::filesystem::file_size(path), (*sink)->statistics().written_bytes.value());
}

TEST(OpenPcapng, DevicesAndFifosAreWrittenAsPipes) {
  auto null = open_pcapng({.path = "/dev/null"});
  ASSERT_TRUE(null);
  EXPECT_NE(dynamic_cast<PcapngPipe*>(null->get()), nullptr);
  EXPECT_TRUE((*null)->close());

  const test::TempDir dir;
  const std::string path = dir.file("fifo");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  test::WalkedFile received;
  std::thread reader([&] { received = test::walk_pcapng_file(path); });
  auto fifo = open_pcapng({.path = path});
  ASSERT_TRUE(fifo);
  InterfaceTable interfaces;
  interfaces.add({});
  TestBatch batch;
  batch.add("through a fifo", 1);
  ASSERT_TRUE((*fifo)->reserve());
  (*fifo)->write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  EXPECT_TRUE((*fifo)->close());
  reader.join();
  ASSERT_EQ(received.error, "");
  EXPECT_EQ(received.packets.at(0).data, "through a fifo");
}

TEST(OpenPcapng, StandardOutputStaysOpenForTheProcess) {
  auto sink = open_pcapng({.path = "-"});
  ASSERT_TRUE(sink);
  EXPECT_EQ((*sink)->path(), "-");
  sink->reset();
  EXPECT_GE(fcntl(STDOUT_FILENO, F_GETFD), 0);
}

TEST(OpenPcapng, ASeriesThatGoesOnDeletesTheOldestFilesOfEarlierRuns) {
  const test::TempDir dir;
  test::FakeClock clock({1'795'291'200'000'000'000});  // 2026-11-21T20:00:00Z
  const auto run = [&](int files) {
    auto sink = open_pcapng({.path = dir.file("lan.pcapng"),
                             .rotation = {.size_bytes = 1, .files_max = 2, .goes_on = true},
                             .clock = &clock});
    ASSERT_TRUE(sink) << sink.error().context;
    InterfaceTable interfaces;
    interfaces.add({});
    for (int i = 0; i < files; ++i) {
      TestBatch batch;
      batch.add("packet", i);
      ASSERT_TRUE((*sink)->reserve());
      (*sink)->write({batch.batch(), interfaces, *TestBatch::all(), kSession});
    }
    EXPECT_TRUE((*sink)->close());
    clock.advance(std::chrono::seconds(1));
  };
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      found.insert(entry.path().filename().string());
    }
    return found;
  };
  std::ofstream(dir.file("lan.pcapng")) << "not of the series";
  run(3);
  // A run that ends at once deletes nothing.
  run(1);
  EXPECT_EQ(names(), (std::set<std::string>{"lan.pcapng", "lan_00002_20261121T200000Z.pcapng",
                                            "lan_00003_20261121T200000Z.pcapng",
                                            "lan_00001_20261121T200001Z.pcapng"}));
  run(2);
  EXPECT_EQ(names(), (std::set<std::string>{"lan.pcapng", "lan_00001_20261121T200002Z.pcapng",
                                            "lan_00002_20261121T200002Z.pcapng"}));
}

TEST(OpenPcapng, SaysWhyAPathCannotBeWritten) {
  const test::TempDir dir;
  auto directory = open_pcapng({.path = dir.path().string()});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::Exists);
  EXPECT_NE(directory.error().context.find("name a file in it"), std::string::npos);
  auto missing = open_pcapng({.path = dir.file("no/out.pcapng")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  auto empty = open_pcapng({.path = ""});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::NotFound);
}

TEST(OpenPcapng, APipeIsNotRotatedAndFilesAreNotKeptWithoutARule) {
  const test::TempDir dir;
  const test::FakeClock clock;
  const std::string fifo = dir.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {std::string("-"), fifo, std::string("/dev/null")}) {
    const auto sink =
        open_pcapng({.path = path, .rotation = {.size_bytes = 1000}, .clock = &clock});
    ASSERT_FALSE(sink);
    EXPECT_EQ(sink.error().code, ErrorCode::Usage);
  }
  const auto sink =
      open_pcapng({.path = dir.file("out.pcapng"), .rotation = {.files_max = 3}, .clock = &clock});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::Usage);
}

TEST(OpenPcapng, AFileOfASeriesNeverReplacesOne) {
  const test::TempDir dir;
  const test::FakeClock clock({1'795'291'200'000'000'000});
  const std::string path = dir.file("out_00001_20261121T200000Z.pcapng");
  std::ofstream(path) << "precious";
  const auto sink = open_pcapng({.path = dir.file("out.pcapng"),
                                 .rotation = {.interval = std::chrono::hours(1)},
                                 .clock = &clock});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::Exists);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

}  // namespace
}  // namespace weir::output

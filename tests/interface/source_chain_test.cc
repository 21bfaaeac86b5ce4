#include "interface/source_chain.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "interface/capture_file.h"
#include "support/capture_bytes.h"
#include "support/drained.h"
#include "support/fake_source.h"
#include "support/temp_dir.h"

namespace weir::interface {
namespace {

using test::CaptureBytes;
using test::Drained;
using test::FakeSource;

using Parts = std::vector<std::unique_ptr<Source>>;

std::unique_ptr<FakeSource> fake(std::vector<std::vector<std::uint8_t>> frames,
                                 test::FakeSourceOptions options = {}) {
  return std::make_unique<FakeSource>(std::move(frames), options);
}

std::vector<std::uint8_t> frame(std::uint8_t which) { return std::vector<std::uint8_t>(60, which); }

TEST(SourceChainTest, OnePartComesBehindTheOther) {
  Parts parts;
  parts.push_back(fake({frame(1), frame(2)}));
  parts.push_back(fake({}));
  parts.push_back(fake({frame(3)}));
  SourceChain chain(std::move(parts));
  const Drained all = test::drain(chain, 1);
  EXPECT_EQ(all.error, "");
  ASSERT_EQ(all.packets.size(), 3u);
  for (std::uint8_t i = 0; i < 3; ++i) EXPECT_EQ(all.packets[i].frame, frame(i + 1));
}

TEST(SourceChainTest, AnInterfaceThatIsDescribedAlikeIsThatOneAgain) {
  Parts parts;
  parts.push_back(fake({frame(1), frame(2)}));
  parts.push_back(fake({frame(3), frame(4)}, {.interface_at = 1}));
  SourceChain chain(std::move(parts));
  EXPECT_EQ(chain.interfaces().count(), 1u) << "known before the first packet";
  const Drained all = test::drain(chain);
  ASSERT_EQ(all.packets.size(), 4u);
  ASSERT_EQ(chain.interfaces().count(), 2u);
  EXPECT_EQ(chain.interfaces().at({1}).name, "fake1");
  EXPECT_EQ(all.packets[2].interface, 0u);
  EXPECT_EQ(all.packets[3].interface, 1u);
}

TEST(SourceChainTest, APartThatFailsEndsItAndWhatItGaveIsGood) {
  Parts parts;
  parts.push_back(fake({frame(1)}));
  parts.push_back(fake({frame(2), frame(3)}, {.fail_at = 1}));
  parts.push_back(fake({frame(4)}));
  SourceChain chain(std::move(parts));
  const Drained all = test::drain(chain);
  EXPECT_EQ(all.error, "fake: broken");
  ASSERT_EQ(all.packets.size(), 2u);
}

TEST(SourceChainTest, ClosedItGivesNothingMoreOfAnyPart) {
  Parts parts;
  parts.push_back(fake({frame(1)}));
  parts.push_back(fake({frame(2)}));
  SourceChain chain(std::move(parts));
  chain.close_intake();
  EXPECT_EQ(test::drain(chain).packets.size(), 0u);
}

TEST(SourceChainTest, BlocksBesidePacketsNameTheInterfacesOfTheChain) {
  CaptureBytes file;
  file.section().interface(113).enhanced_packet(0, 5, frame(7));
  file.block(5, CaptureBytes().u32(0).u32(0).u32(9));
  const test::TempDir dir;
  const std::string path = dir.file("in.pcapng");
  {
    const auto& bytes = file.bytes();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  Parts parts;
  parts.push_back(fake({frame(1)}));
  parts.push_back(CaptureFileSource::open({path}).value());
  SourceChain chain(std::move(parts));
  const Drained all = test::drain(chain);
  EXPECT_EQ(all.error, "");
  ASSERT_EQ(all.packets.size(), 2u);
  EXPECT_EQ(all.packets[1].interface, 1u);
  ASSERT_EQ(all.blocks.size(), 2u);
  EXPECT_EQ(all.blocks[0].before, 1u) << "the section";
  EXPECT_EQ(all.blocks[0].interface, 1u);
  EXPECT_EQ(all.blocks[1].interface, 1u) << "the statistics";
}

}  // namespace
}  // namespace weir::interface

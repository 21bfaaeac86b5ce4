// Every published count of every capture, and libpcap's verdict packet for packet.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "filter/frame_filter.h"
#include "reference.h"
#include "support/data_set.h"

namespace weir::filter {
namespace {

using nlohmann::json;

json read_json(const std::string& name) {
  std::ifstream stream(test::data_set_dir() / name);
  return json::parse(stream);
}

// Counted on a converted copy, because libpcap's reader refuses the file or stops in the middle of
// it.
bool published_copy(const json& expected, const std::string& file) {
  return expected["errors"].contains(file) && expected["errors"][file].contains("copied");
}

// The published reason, without the name of the tool that gave it.
std::string published_error(const json& expected, const std::string& file, std::size_t expression) {
  const json& errors = expected["errors"];
  if (!errors.contains(file) || !errors[file].contains(std::to_string(expression))) return {};
  std::string text = errors[file][std::to_string(expression)];
  const std::string tool = "tcpdump: ";
  return text.starts_with(tool) ? text.substr(tool.size()) : text;
}

// A batch and its results, too large for the stack.
struct Workspace {
  PacketBatch batch;
  HeadersArray headers;
  Verdicts verdicts;
};

class Corpus : public testing::TestWithParam<const char*> {
 protected:
  // Accepted packets by our filter, each verdict compared with libpcap's.
  std::uint64_t count_and_compare(const test::ReferenceFile& file, const FrameFilter& filter,
                                  const test::ReferenceProgram& reference) {
    constexpr SessionMask kSession = 4;
    std::uint64_t accepted = 0;
    std::uint64_t different = 0;
    const std::span<const test::ReferencePacket> all(file.packets);
    for (std::size_t at = 0; at < all.size(); at += workspace_->batch.count) {
      test::fill_batch(all.subspan(at), file.link_type, workspace_->batch);
      workspace_->verdicts.wanted.fill(3);
      accepted +=
          filter.evaluate(workspace_->batch, workspace_->headers, kSession, workspace_->verdicts);
      for (std::uint32_t i = 0; i < workspace_->batch.count; ++i) {
        const test::ReferencePacket& packet = all[at + i];
        const bool match = reference.run(packet.frame, packet.wire_bytes) != 0;
        different += workspace_->verdicts.wanted[i] == (match ? 7u : 3u) ? 0u : 1u;
      }
    }
    EXPECT_EQ(different, 0u) << "packets whose verdict is not libpcap's";
    return accepted;
  }

  std::unique_ptr<Workspace> workspace_ = std::make_unique<Workspace>();
};

TEST_P(Corpus, FiltersAsLibpcapDoesAndAsPublished) {
  WEIR_SKIP_WITHOUT_DATA();
  const json expected = read_json("expected/filters.json");
  const std::vector<std::string> expressions = expected["expressions"];
  std::size_t compared = 0;
  for (const auto& [name, counts] : expected["counts"].items()) {
    if (!name.starts_with(std::string(GetParam()) + "/")) continue;
    SCOPED_TRACE(name);
    const test::ReferenceFile file = test::read_reference(test::data_set_dir() / name);
    if (!file.handle) {
      // libpcap's reader refuses it as a whole: published counts, if any, are those of a converted
      // copy.
      EXPECT_TRUE(counts[0].is_null() || published_copy(expected, name)) << file.error;
      continue;
    }
    const bool copied = published_copy(expected, name);
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      SCOPED_TRACE(expressions[i]);
      const test::ReferenceProgram reference =
          test::compile_reference(file.handle.get(), expressions[i]);
      FrameFilter filter(expressions[i], Scope::Frame);
      const Result<void> prepared = filter.prepare(file.link_type);
      ASSERT_EQ(prepared.ok(), reference.ok()) << reference.error;
      if (!prepared) {
        EXPECT_NE(prepared.error().context.find(reference.error), std::string::npos)
            << prepared.error().context;
        EXPECT_TRUE(counts[i].is_null());
        if (file.error.empty()) {
          EXPECT_EQ(published_error(expected, name, i), reference.error);
        }
        continue;
      }
      const std::uint64_t accepted = count_and_compare(file, filter, reference);
      if (counts[i].is_number() && !copied) {
        EXPECT_EQ(accepted, counts[i].get<std::uint64_t>());
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 0u) << "no capture of this suite was compared";
}

INSTANTIATE_TEST_SUITE_P(Suites, Corpus,
                         testing::Values("arkime", "communityid", "derived", "ja4", "libpcap",
                                         "ndpi", "pcapng", "pcapparser", "pcapplusplus", "retina",
                                         "suricata", "tcpdump", "zeek"),
                         [](const auto& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace weir::filter

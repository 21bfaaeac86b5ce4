// Every capture of the data set through source, headers, filter and output, one open per file,
// against what capinfos and tcpdump say about it.
#include "support/data_set.h"

#include <algorithm>
#include <bitset>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/verdicts.h"
#include "filter/frame_filter.h"
#include "integration/stored_packets.h"
#include "integration/weir_command.h"
#include "interface/capture_file.h"
#include "output/pcapng_file.h"
#include "protocol/headers/parse_batch.h"
#include "support/capture_expectations.h"
#include "support/command.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;

json load(const std::string& name) {
  std::ifstream in(data_set_dir() / name);
  return json::parse(in);
}

// Counts of one file: each expression is one session.
struct Counts {
  std::vector<std::uint64_t> accepted;
  std::vector<std::string> refused;  // libpcap's message; empty = compiled for every interface
};

class Reader {
 public:
  explicit Reader(const std::vector<std::string>& expressions) {
    for (const std::string& expression : expressions)
      filters_.emplace_back(expression, filter::Scope::Frame);
    counts_.accepted.resize(expressions.size());
    counts_.refused.resize(expressions.size());
  }

  Counts read(interface::Source& source) {
    while (source.next_batch(batch_, kBatchPacketsMax, std::chrono::seconds(10)) ==
           interface::Pull::Packets) {
      prepare(source.interfaces());
      protocol::parse_batch(batch_, *headers_, *keys_);
      verdicts_->wanted.fill(0);
      for (std::size_t i = 0; i < filters_.size(); ++i) {
        if (!counts_.refused[i].empty()) continue;
        counts_.accepted[i] +=
            filters_[i].evaluate(batch_, *headers_, SessionMask{1} << i, *verdicts_);
      }
      check_verdicts();
      source.release(batch_);
    }
    prepare(source.interfaces());
    return counts_;
  }

 private:
  void prepare(const InterfaceTable& interfaces) {
    for (; prepared_ < interfaces.count(); ++prepared_) {
      for (std::size_t i = 0; i < filters_.size(); ++i) {
        auto result = filters_[i].prepare(interfaces.at({prepared_}).link_type);
        if (!result && counts_.refused[i].empty()) counts_.refused[i] = result.error().context;
      }
    }
  }
  // The sum of the returned counts is the number of bits that were set.
  void check_verdicts() {
    std::uint64_t bits = 0;
    for (std::uint32_t i = 0; i < batch_.count; ++i)
      bits += std::bitset<64>(verdicts_->wanted[i]).count();
    bits_ += bits;
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts_.accepted) sum += n;
    EXPECT_EQ(bits_, sum);
  }

  std::vector<filter::FrameFilter> filters_;
  Counts counts_;
  std::uint32_t prepared_ = 0;
  std::uint64_t bits_ = 0;
  PacketBatch batch_;
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
};

TEST(DataSet, FiltersCountWhatTcpdumpCounts) {
  WEIR_SKIP_WITHOUT_DATA();
  const json expected = load("expected/filters.json");
  const auto expressions = expected["expressions"].get<std::vector<std::string>>();
  ASSERT_LE(expressions.size(), kSessionsMax);
  std::size_t compared = 0;
  for (const auto& [file, numbers] : expected["counts"].items()) {
    auto source = interface::CaptureFileSource::open({(data_set_dir() / file).string()});
    if (!source) {
      EXPECT_TRUE(
          std::all_of(numbers.begin(), numbers.end(), [](const json& n) { return n.is_null(); }))
          << file << ": " << source.error().context;
      continue;
    }
    const Counts counts = Reader(expressions).read(**source);
    // Where tcpdump gave up in the middle, its numbers cover less than the file has.
    if (expected["errors"].contains(file) && expected["errors"][file].contains("0") &&
        !(*source)->error()) {
      continue;
    }
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      if (numbers[i].is_number()) {
        ++compared;
        EXPECT_EQ(counts.refused[i], "") << file << ": " << expressions[i];
        EXPECT_EQ(counts.accepted[i], numbers[i]) << file << ": " << expressions[i];
      } else if (numbers[0].is_number()) {
        // tcpdump read the file, so it is the expression that it refused.
        EXPECT_NE(counts.refused[i], "") << file << ": " << expressions[i];
      }
    }
  }
  EXPECT_GT(compared, 20'000u);
}

// "1439902891.705224" as nanoseconds.
std::int64_t nanoseconds(const std::string& seconds) {
  const std::size_t dot = seconds.find('.');
  std::string fraction = dot == std::string::npos ? "" : seconds.substr(dot + 1);
  fraction.resize(9, '0');
  return std::stoll(seconds.substr(0, dot)) * 1'000'000'000 + std::stoll(fraction);
}

// Copies a whole capture into a pcapng file.
void copy(interface::Source& source, const std::string& path) {
  auto sink = output::PcapngFile::open({.path = path});
  ASSERT_TRUE(sink.ok()) << sink.error().context;
  auto verdicts = std::make_unique<Verdicts>();
  verdicts->wanted.fill(1);
  PacketBatch batch;
  while ((*sink)->reserve().ok() &&
         source.next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
             interface::Pull::Packets) {
    (*sink)->write({batch, source.interfaces(), *verdicts, 1});
    source.release(batch);
  }
  auto closed = (*sink)->close();
  EXPECT_TRUE(closed.ok()) << closed.error().context;
}

struct CapinfosRow {
  std::string packets, bytes, first, last;
};

// One capinfos over all the copies; a row for each name.
std::map<std::string, CapinfosRow> capinfos(const TempDir& dir,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> words = {"capinfos", "-T", "-M", "-m", "-r",
                                    "-S",       "-c", "-d", "-a", "-e"};
  words.insert(words.end(), names.begin(), names.end());
  std::istringstream out(run_command(words, {.working_directory = dir.path().string()}).out);
  std::map<std::string, CapinfosRow> rows;
  for (std::string line; std::getline(out, line);) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    if (cells.size() >= 5) rows[cells[0]] = {cells[1], cells[2], cells[3], cells[4]};
  }
  return rows;
}

TEST(DataSet, ACopyHasThePacketsBytesAndTimesOfTheOriginal) {
  WEIR_SKIP_WITHOUT_DATA();
  TempDir dir;
  std::vector<std::string> names;
  std::vector<CaptureExpectation> originals;
  for (const CaptureExpectation& expected : load_capture_expectations()) {
    if (!expected.packets || !expected.packet_bytes || expected.may_fail) continue;
    auto source = interface::CaptureFileSource::open({(data_set_dir() / expected.file).string()});
    if (!source) {
      ADD_FAILURE() << expected.file << ": " << source.error().context;
      continue;
    }
    names.push_back(std::to_string(names.size()) + ".pcapng");
    originals.push_back(expected);
    copy(**source, dir.file(names.back()));
  }
  const auto rows = capinfos(dir, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const CaptureExpectation& expected = originals[i];
    ASSERT_TRUE(rows.contains(names[i])) << expected.file << " as " << names[i];
    const CapinfosRow& row = rows.at(names[i]);
    EXPECT_EQ(row.packets, std::to_string(*expected.packets)) << expected.file;
    EXPECT_EQ(row.bytes, std::to_string(*expected.packet_bytes)) << expected.file;
    if (expected.first_ns) {
      EXPECT_EQ(nanoseconds(row.first), *expected.first_ns) << expected.file;
    }
    if (expected.last_ns) {
      EXPECT_EQ(nanoseconds(row.last), *expected.last_ns) << expected.file;
    }
  }
  EXPECT_GT(names.size(), 400u);
}

// Readable to its end.
bool is_good(const std::string& path) {
  auto source = interface::CaptureFileSource::open({path});
  if (!source) return false;
  PacketBatch batch;
  while ((*source)->next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
         interface::Pull::Packets) {
    (*source)->release(batch);
  }
  return !(*source)->error();
}

TEST(DataSet, AStoreOfAllCapturesHasEveryPacketOfEachInOrder) {
  WEIR_SKIP_WITHOUT_DATA();
  const TempDir dir;
  std::vector<std::string> originals;
  for (const CaptureExpectation& expected : load_capture_expectations()) {
    const std::string path = (data_set_dir() / expected.file).string();
    if (expected.packets && !expected.may_fail && is_good(path)) originals.push_back(path);
  }
  std::vector<std::string> words = {"read", "--store", dir.file("packets"), "--store-segment",
                                    "64MiB"};
  words.insert(words.end(), originals.begin(), originals.end());
  const auto stored = run_weir(words);
  ASSERT_EQ(stored.status, 0) << stored.err;

  const std::vector<StoredFile> segments = read_store(dir.file("packets"));
  auto segment = segments.begin();
  std::size_t next = 0;
  std::uint64_t compared = 0;
  PacketBatch batch;
  for (const std::string& original : originals) {
    auto source = interface::CaptureFileSource::open({original});
    ASSERT_TRUE(source.ok()) << source.error().context;
    while ((*source)->next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
           interface::Pull::Packets) {
      for (const Packet& packet : batch.view()) {
        while (segment != segments.end() && next == segment->frames.size()) {
          ++segment;
          next = 0;
        }
        ASSERT_NE(segment, segments.end()) << original;
        ASSERT_TRUE(std::ranges::equal(segment->frames[next], packet.frame()))
            << original << ", " << segment->path << ", packet " << next;
        ASSERT_EQ(segment->times[next], packet.has_time ? packet.time.ns : 0) << original;
        ++next;
        ++compared;
      }
      (*source)->release(batch);
    }
  }
  std::uint64_t all = 0;
  for (const StoredFile& one : segments) {
    EXPECT_TRUE(one.sealed) << one.path;
    all += one.frames.size();
  }
  EXPECT_EQ(all, compared);
  EXPECT_GT(originals.size(), 400u);
  const auto verified = run_weir({"store", "verify", dir.file("packets")});
  EXPECT_EQ(verified.status, 0) << verified.out;
}

}  // namespace
}  // namespace weir::test

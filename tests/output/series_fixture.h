// A rotation whose files are in memory, and what its files hold together.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "output/rotation.h"
#include "output_fixture.h"
#include "support/fake_block_device.h"
#include "support/fault_block_device.h"

namespace weir::output {

// All files that were ever created, also those that were deleted.
struct FakeFiles {
  std::vector<std::string> paths;  // in order of creation
  std::map<std::string, test::FakeFile> content;
  std::vector<std::string> earlier;  // of other runs
  std::vector<std::string> removed;
  std::uint64_t files_max = test::kNever;  // further ones are refused: disk full
  test::FaultPlan plan;                    // of the file `plan_for`, counted from 0
  std::uint64_t plan_for = test::kNever;
  bool finished = false;

  // In order of creation.
  [[nodiscard]] std::vector<test::WalkedFile> walk() const {
    std::vector<test::WalkedFile> walked;
    for (const auto& path : paths) walked.push_back(test::walk_pcapng(content.at(path).content));
    return walked;
  }
};

class FakeFileStore final : public FileStore {
 public:
  explicit FakeFileStore(FakeFiles& files, std::uint64_t seed = 1) : files_(files), seed_(seed) {}

  Result<std::unique_ptr<storage::BlockDevice>> create(const std::string& path) override {
    if (files_.paths.size() >= files_.files_max) return system_error(ENOSPC, "write " + path);
    if (files_.content.contains(path)) return system_error(EEXIST, "write " + path);
    const bool faulty = files_.paths.size() == files_.plan_for;
    files_.paths.push_back(path);
    auto device = std::make_unique<test::FakeBlockDevice>(files_.content[path], ++seed_);
    if (!faulty) return std::unique_ptr<storage::BlockDevice>(std::move(device));
    return std::unique_ptr<storage::BlockDevice>(
        std::make_unique<test::FaultBlockDevice>(std::move(device), files_.plan));
  }
  std::vector<std::string> earlier(const std::string&) override { return files_.earlier; }
  void remove(std::string path) override { files_.removed.push_back(std::move(path)); }
  void finish() noexcept override { files_.finished = true; }
  std::optional<Error> take_failure() override { return std::nullopt; }

 private:
  FakeFiles& files_;
  std::uint64_t seed_;
};

// Counts that a test sets.
struct FakeCounts final : InterfaceCountsReader {
  [[nodiscard]] InterfaceCounts counts(InterfaceId interface) const override {
    return values.at(interface.index);
  }
  [[nodiscard]] InterfaceCounts lane_counts(std::size_t, InterfaceId interface) const override {
    return values.at(interface.index);
  }
  std::vector<InterfaceCounts> values = std::vector<InterfaceCounts>(1);
};

// An Interface Statistics Block.
struct Statistics {
  std::uint32_t interface = 0;
  std::map<std::uint16_t, std::uint64_t> values;  // by option; times put together
  std::string comment;
};
inline Statistics read_statistics(const test::WalkedBlock& block) {
  const auto at = [&](std::size_t offset) {
    return reinterpret_cast<const std::uint8_t*>(block.body.data()) + offset;
  };
  Statistics statistics{.interface = load_le32(at(0))};
  for (std::size_t i = 12; i + 4 <= block.body.size() && load_le16(at(i)) != 0;) {
    const std::uint16_t code = load_le16(at(i));
    const std::uint16_t length = load_le16(at(i + 2));
    if (code == 1) {
      statistics.comment = block.body.substr(i + 4, length);
    } else {
      const std::uint64_t value = load_le64(at(i + 4));
      statistics.values[code] = code <= 3 ? value << 32 | value >> 32 : value;
    }
    i += 4 + align_up(length, 4);
  }
  return statistics;
}
inline std::vector<Statistics> statistics_of(const test::WalkedFile& file) {
  std::vector<Statistics> found;
  for (const auto& block : file.others) {
    if (block.type == 5) found.push_back(read_statistics(block));
  }
  return found;
}

// What a packet says was lost before it; 0: nothing.
inline std::uint64_t dropcount(const test::WalkedPacket& packet) {
  for (const auto& option : packet.options) {
    if (option.code == 4)
      return load_le64(reinterpret_cast<const std::uint8_t*>(option.value.data()));
  }
  return 0;
}
inline std::string comment(const test::WalkedPacket& packet) {
  for (const auto& option : packet.options) {
    if (option.code == 1) return option.value;
  }
  return "";
}

}  // namespace weir::output

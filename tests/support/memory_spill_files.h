// The files of a spill queue in memory; some of them fail.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/spill/spill_files.h"
#include "support/fake_block_device.h"
#include "support/fault_block_device.h"

namespace weir::test {

// What is there and what has happened. Outlives the queue.
struct MemorySpill {
  std::map<std::string, FakeFile> files;
  std::vector<std::string> created;  // paths, in order
  std::uint64_t removed = 0;
  std::uint64_t bytes_max = 0;              // that the files ever had together
  std::set<std::uint64_t> refused;          // which are not made, counted from 0
  std::map<std::uint64_t, FaultPlan> plan;  // of the file of this number
  std::uint64_t tries = 0;
  std::uint64_t reads = 0;
  std::uint64_t read_error_after = kNever;  // so many reads succeed, then one gives EIO

  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [path, file] : files) sum += file.content.size();
    return sum;
  }
};

class MemorySpillFiles final : public storage::spill::SpillFiles {
 public:
  explicit MemorySpillFiles(MemorySpill& spill, std::uint64_t seed = 1)
      : spill_(spill), seed_(seed) {}

  Result<std::unique_ptr<storage::BlockDevice>> create(const std::string& path, std::uint64_t,
                                                       std::uint32_t queue_depth) override {
    const std::uint64_t number = spill_.tries++;
    if (spill_.refused.contains(number)) return system_error(ENOSPC, "open " + path);
    if (spill_.files.contains(path)) return system_error(EEXIST, "open " + path);
    spill_.created.push_back(path);
    std::unique_ptr<storage::BlockDevice> device =
        std::make_unique<FakeBlockDevice>(spill_.files[path], seed_ + number, queue_depth);
    if (const auto plan = spill_.plan.find(number); plan != spill_.plan.end()) {
      device = std::make_unique<FaultBlockDevice>(std::move(device), plan->second);
    }
    return device;
  }
  Result<std::unique_ptr<storage::segment::RangeReader>> open(const std::string& path) override {
    return std::unique_ptr<storage::segment::RangeReader>(
        std::make_unique<Reader>(spill_, spill_.files.at(path)));
  }
  Result<void> remove(const std::string& path) override {
    spill_.bytes_max = std::max(spill_.bytes_max, spill_.bytes());
    ++spill_.removed;
    spill_.files.erase(path);
    return ok();
  }

 private:
  class Reader final : public storage::segment::RangeReader {
   public:
    Reader(MemorySpill& spill, const FakeFile& file) : spill_(spill), file_(file) {}
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override {
      if (spill_.reads++ == spill_.read_error_after) return system_error(EIO, "read");
      const auto& bytes = file_.content;
      if (offset >= bytes.size()) return std::size_t{0};
      const std::size_t count = std::min<std::size_t>(into.size(), bytes.size() - offset);
      std::memcpy(into.data(), bytes.data() + offset, count);
      return count;
    }
    Result<std::uint64_t> size() const override { return std::uint64_t{file_.content.size()}; }

   private:
    MemorySpill& spill_;
    const FakeFile& file_;
  };

  MemorySpill& spill_;
  std::uint64_t seed_;
};

}  // namespace weir::test

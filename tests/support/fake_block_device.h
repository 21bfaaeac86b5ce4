// A block device in memory. Completions come in an order drawn from a seed, some later than they
// could; a write's bytes are read only then, so that memory which is reused too early shows as
// wrong content.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/prng.h"
#include "storage/block_device.h"

namespace weir::test {

// What a device leaves behind; outlives it.
struct FakeFile {
  std::vector<std::uint8_t> content;
  std::uint32_t syncs = 0;
  std::uint32_t waits = 0;  // calls that waited for a write
  bool closed = false;
};

class FakeBlockDevice final : public storage::BlockDevice {
 public:
  FakeBlockDevice(FakeFile& file, std::uint64_t seed, std::uint32_t queue_depth = 8)
      : file_(file), random_(seed), queue_depth_(queue_depth) {}
  ~FakeBlockDevice() override { WEIR_ASSERT(pending_.empty()); }

  void submit(const storage::WriteOperation& operation) noexcept override {
    WEIR_ASSERT(pending_.size() < queue_depth_ && operation.bytes > 0);
    pending_.push_back({operation, direct_});
  }

  void submit_sync(std::uint64_t tag) noexcept override {
    WEIR_ASSERT(pending_.size() < queue_depth_);
    pending_.push_back({{.tag = tag}, direct_});
  }

  std::uint32_t reap(std::span<storage::WriteCompletion> completions,
                     storage::Reap mode) noexcept override {
    file_.waits += mode == storage::Reap::Wait ? 1 : 0;
    std::uint64_t wanted = random_.below(pending_.size() + 1);
    if (mode == storage::Reap::Wait && wanted == 0 && !pending_.empty()) wanted = 1;
    std::uint32_t count = 0;
    while (count < wanted && count < completions.size()) {
      const auto chosen =
          pending_.begin() + static_cast<std::ptrdiff_t>(random_.below(pending_.size()));
      completions[count++] = {chosen->operation.tag, execute(*chosen)};
      pending_.erase(chosen);
    }
    return count;
  }

  [[nodiscard]] std::uint32_t in_flight() const noexcept override {
    return static_cast<std::uint32_t>(pending_.size());
  }
  [[nodiscard]] std::uint32_t queue_depth() const noexcept override { return queue_depth_; }
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept override {
    WEIR_ASSERT(pending_.empty());
    put(offset, bytes);
    return static_cast<std::int64_t>(bytes.size());
  }
  [[nodiscard]] bool direct() const noexcept override { return direct_; }
  Result<void> leave_direct() override {
    direct_ = false;
    return ok();
  }
  Result<void> set_size(std::uint64_t bytes) override {
    WEIR_ASSERT(pending_.empty());
    file_.content.resize(bytes);
    return ok();
  }
  Result<void> sync_data() override {
    ++file_.syncs;
    return ok();
  }
  Result<void> close() override {
    WEIR_ASSERT(pending_.empty());
    file_.closed = true;
    return ok();
  }
  [[nodiscard]] std::string_view mode() const noexcept override {
    return direct_ ? "fake+O_DIRECT" : "fake";
  }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }
  void renamed(std::string path) override { path_ = std::move(path); }

 private:
  struct Pending {
    storage::WriteOperation operation;
    bool direct;
  };

  std::int32_t execute(const Pending& pending) {
    const auto& [tag, offset, data, bytes] = pending.operation;
    if (bytes == 0) {
      ++file_.syncs;
      return 0;
    }
    constexpr std::uint64_t kSector = 512;  // what a disk asks for at least
    if (pending.direct &&
        ((offset | bytes | reinterpret_cast<std::uintptr_t>(data)) % kSector) != 0)
      return -EINVAL;
    put(offset, {data, bytes});
    return static_cast<std::int32_t>(bytes);
  }
  void put(std::uint64_t offset, Bytes bytes) {
    if (file_.content.size() < offset + bytes.size()) file_.content.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(),
              file_.content.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  FakeFile& file_;
  Prng random_;
  std::uint32_t queue_depth_;
  std::string path_ = "fake.pcapng";
  bool direct_ = true;
  std::vector<Pending> pending_;
};

}  // namespace weir::test

// The disk of a simulated engine: a SimDisk that takes its time. What is written can be read under
// its real path at once when it is complete; a kill leaves under these paths what the disk kept.
//
// One queue, as of one device: each write and each sync takes a latency, bytes take their time at
// the disk's rate, and where it stalls nothing completes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/sim_threads.h"
#include "storage/block_device.h"
#include "support/sim_disk.h"

namespace weir::test {

// From a moment on, until the next one.
struct DiskPhase {
  MonotonicTime from{};
  double bytes_per_second = 1e9;
  Duration latency = std::chrono::microseconds(100);
  bool stalled = false;  // until the next phase
  Duration kib_cost{};   // of whoever submits it: what is not stored needs no work
  SimFaults faults;
};

class EngineDisk final : public storage::BlockDevices {
 public:
  // Phases in order, the first from the begin. Threads are borrowed.
  EngineDisk(std::uint64_t seed, std::vector<DiskPhase> phases, SimThreads& threads);

  Result<std::unique_ptr<storage::BlockDevice>> open(
      const storage::BlockDeviceOptions& options) override;
  // Of what statvfs(2) would say is free.
  [[nodiscard]] std::uint64_t free_bytes();

  // The engine is gone, and nothing more happens to its files: they are as the disk kept them.
  void kill(Kill kind);
  [[nodiscard]] std::uint64_t failures() const noexcept { return disk_.failures(); }

 private:
  friend class EngineDevice;

  struct File {
    std::string name;  // in disk_
    std::string path;
    bool gone = false;
  };

  const DiskPhase& phase() noexcept;
  // When an operation that begins now is done.
  MonotonicTime take_turn(std::uint64_t bytes);
  void wait(std::uint64_t bytes) { threads_.sleep_until(take_turn(bytes)); }
  void forget_removed();

  SimThreads& threads_;
  const std::vector<DiskPhase> phases_;
  std::size_t phase_ = 0;
  SimDisk disk_;
  MonotonicTime busy_until_{};
  std::vector<std::unique_ptr<File>> files_;
};

}  // namespace weir::test

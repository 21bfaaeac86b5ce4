// Threads that scan chunks: more of them than cores, since each waits for its read.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"
#include "capture/retrieval/chunk_scanner.h"

namespace weir::capture::retrieval {

// Owner: one thread, but for wake().
class ScanPool {
 public:
  explicit ScanPool(std::uint32_t threads) : threads_max_(threads) {}
  ~ScanPool();  // what was not begun is not scanned
  ScanPool(const ScanPool&) = delete;
  ScanPool& operator=(const ScanPool&) = delete;

  // Its threads leave processor and disk to captures. Before the first submit().
  void yield() noexcept { yields_ = true; }
  // Lent until it is done. In this order they are begun.
  void submit(ChunkScan& chunk);
  [[nodiscard]] bool done(const ChunkScan& chunk);
  // Until it is done, or the time is over, or wake() was called since the last wait. Whether it is.
  bool wait(const ChunkScan& chunk, Duration timeout);
  // Any thread.
  void wake();

 private:
  void work();

  const std::uint32_t threads_max_;
  std::mutex mutex_;
  std::condition_variable work_;     // for the threads
  std::condition_variable results_;  // for the owner
  std::deque<ChunkScan*> waiting_;
  std::vector<const ChunkScan*> under_way_;  // submitted and not done
  bool yields_ = false;
  bool ending_ = false;
  bool woken_ = false;
  std::vector<std::thread> threads_;  // begun as they are needed
};

}  // namespace weir::capture::retrieval

#include "capture/retrieval/scan_pool.h"

#include <algorithm>

#include "base/thread_name.h"

namespace weir::capture::retrieval {

ScanPool::~ScanPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ScanPool::submit(ChunkScan& chunk) {
  std::size_t under_way = 0;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&chunk);
    under_way_.push_back(&chunk);
    under_way = under_way_.size();
  }
  if (threads_.size() < threads_max_ && threads_.size() < under_way) {
    threads_.emplace_back([this] { work(); });
  }
  work_.notify_one();
}

bool ScanPool::done(const ChunkScan& chunk) {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(under_way_, &chunk) == under_way_.end();
}

bool ScanPool::wait(const ChunkScan& chunk, Duration timeout) {
  std::unique_lock lock(mutex_);
  bool is_done = false;
  results_.wait_for(lock, timeout, [&] {
    is_done = std::ranges::find(under_way_, &chunk) == under_way_.end();
    return is_done || woken_;
  });
  woken_ = false;
  return is_done;
}

void ScanPool::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  results_.notify_all();
}

void ScanPool::work() {
  name_this_thread("query");
  if (yields_) yield_to_captures();
  ChunkScanner scanner;
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    ChunkScan* const chunk = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    scanner.scan(*chunk);
    lock.lock();
    std::erase(under_way_, chunk);
    results_.notify_all();
  }
}

}  // namespace weir::capture::retrieval

// The file system as SQLite sees it, between it and the real one: fails at a chosen call, forgets
// what was never synced as a loss of power does. While one exists, SQLite uses it for every file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace weir::storage {

enum class Fault : std::uint8_t {
  DiskFull,  // a write finds no room
  WriteFails,
  SyncFails,
  ReadFails,
};

// One thread.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // The call with this number, counted from now and from 0, among those that the fault can strike,
  // fails; `lasting`: all after it too.
  void fail_at(Fault fault, std::uint64_t call, bool lasting);
  void heal();
  // Whether a call has failed since fail_at().
  [[nodiscard]] bool has_struck() const noexcept;

  // Before lose_power(): from now on, what is synced is remembered, and what is not will be lost.
  void remember_syncs();
  // Every file becomes what it was when it was synced last; then files may be opened anew. Nothing
  // may be open by now, and nothing written since the loss of power began, with stop_writing().
  void lose_power();
  // From now on, what is written reaches no file, but SQLite is told that it did.
  void stop_writing();

  struct Shared;

 private:
  std::unique_ptr<Shared> shared_;
};

}  // namespace weir::storage

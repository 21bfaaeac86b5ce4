// Asynchronous writes of whole aligned blocks to one file: the primitive under every stored byte.
// Two real forms (io_uring, pwrite), with O_DIRECT or without, chosen by probing: containers often
// forbid io_uring, and some file systems refuse O_DIRECT. Twins for tests:
// tests/support/fake_block_device.h and fault_block_device.h.
//
// A device reports what the kernel said and repairs nothing; BlockWriter continues short writes and
// leaves O_DIRECT where it turns out not to work. One thread owns a device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::storage {

// With O_DIRECT, memory, offset and length of every write are multiples of this.
inline constexpr std::uint32_t kDirectAlignment = 4096;
// The most writes that a device holds at a time.
inline constexpr std::uint32_t kQueueDepthMax = 128;

struct WriteOperation {
  std::uint64_t tag = 0;  // the caller's, comes back with the completion
  std::uint64_t offset = 0;
  const std::uint8_t* data = nullptr;  // must stay until the completion
  std::uint32_t bytes = 0;
};

struct WriteCompletion {
  std::uint64_t tag = 0;
  std::int32_t result = 0;  // bytes written, perhaps fewer than asked for, or a negative errno
};

enum class Reap : std::uint8_t {
  Poll,  // what is there
  Wait,  // at least one completion, unless nothing is in flight
};

class BlockDevice {
 public:
  BlockDevice() = default;
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;
  virtual ~BlockDevice() = default;

  // Needs in_flight() < queue_depth(). Never fails: a write that could not be started completes
  // with its errno.
  virtual void submit(const WriteOperation& operation) noexcept = 0;
  // Likewise for a sync: when it completes (with 0), what writes had completed before it was
  // submitted is on stable storage, and the size of the file with it.
  virtual void submit_sync(std::uint64_t tag) noexcept = 0;
  // Completions in any order; returns how many were stored in `completions` (not empty).
  virtual std::uint32_t reap(std::span<WriteCompletion> completions, Reap mode) noexcept = 0;
  [[nodiscard]] virtual std::uint32_t in_flight() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t queue_depth() const noexcept = 0;

  // Writes bytes of any length and alignment at any offset, through the page cache, and waits for
  // it. Nothing may be in flight. Returns bytes written or a negative errno.
  virtual std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept = 0;

  // True while writes bypass the page cache (and must be aligned).
  [[nodiscard]] virtual bool direct() const noexcept = 0;
  // From the next submit() on, writes go through the page cache. Writes in flight are not
  // disturbed.
  virtual Result<void> leave_direct() = 0;

  // Nothing may be in flight for these three.
  virtual Result<void> set_size(std::uint64_t bytes) = 0;
  virtual Result<void> sync_data() = 0;
  virtual Result<void> close() = 0;  // the destructor closes too, without the error

  // "io_uring+O_DIRECT", "posix+O_DIRECT", "posix", or "io_uring" (after leave_direct()): what is
  // in use now.
  [[nodiscard]] virtual std::string_view mode() const noexcept = 0;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  // The file has another name from now on.
  virtual void renamed(std::string path) = 0;
};

enum class Existing : std::uint8_t {
  Truncate,  // an existing file is emptied, as tcpdump -w does
  Refuse,    // an existing file is an error
};

enum class Links : std::uint8_t {
  Follow,  // a symbolic link at the end of a path leads to its file
  Refuse,  // it is an error: nobody can make the file be another one
};

struct BlockDeviceOptions {
  std::string path;
  // The file is made in this open directory, whatever the rest of the path leads to by now, and no
  // link is followed. Borrowed for the call; -1: where the path leads.
  int directory = -1;
  Links links = Links::Follow;
  Existing existing = Existing::Truncate;
  bool direct = true;    // try O_DIRECT
  bool io_uring = true;  // try io_uring, where O_DIRECT works
  std::uint32_t queue_depth = 8;
  // Room that is taken at once, behind the end of the file, so that it lies in one piece. Where
  // there is less, nothing is taken beforehand; set_size() gives back what was not used.
  std::uint64_t allocate_bytes = 0;
  // Memory from which most writes will come (BlockPool::memory()): registered with the kernel where
  // that is allowed. Must outlive the device.
  std::span<std::uint8_t> buffers = {};
  // Registering makes all of that memory real; false: with the first write, if there is one.
  bool register_now = true;
};

// Creates or opens a regular file for writing. Errors: NotFound (no such directory), Permission,
// Exists (a directory or special file is in the way; or any file, with Refuse), NoSpace, Resource,
// Io.
Result<std::unique_ptr<BlockDevice>> open_block_device(const BlockDeviceOptions& options);

// Where an engine's files are opened: on the machine's disks, or on one that is simulated.
class BlockDevices {
 public:
  virtual ~BlockDevices() = default;
  // As open_block_device(). Any thread.
  virtual Result<std::unique_ptr<BlockDevice>> open(const BlockDeviceOptions& options) = 0;
};
// Null: on the machine's disks.
inline Result<std::unique_ptr<BlockDevice>> open_on(BlockDevices* devices,
                                                    const BlockDeviceOptions& options) {
  return devices != nullptr ? devices->open(options) : open_block_device(options);
}

}  // namespace weir::storage

// A disk that is simulated, with a directory of files on it: what a kernel and a disk may do with
// writes, drawn from a seed. A write is submitted, then completed (the kernel says that it is
// done, readers see it), then durable (a sync that was asked for after its completion has
// completed). Writes complete in any order, some later than they could, and their bytes are read
// only then.
//
// kill() may strike at any step: at each thing that happens to the disk. What is left then is
// drawn from the seed: see Kill. Afterwards the disk takes everything and keeps nothing, so that
// those who use it come to their end.
//
// Same seed, same calls: same disk. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "storage/block_device.h"

namespace weir::test {

inline constexpr std::uint64_t kSimNever = std::numeric_limits<std::uint64_t>::max();

struct SimFaults {
  std::uint32_t short_percent = 0;        // writes of which only a part is done
  std::uint32_t interrupted_percent = 0;  // EINTR or EAGAIN, of writes and syncs
  std::uint32_t slow_percent = 0;  // operations that are asked for many times before they are done
  std::uint64_t capacity_bytes = kSimNever;  // of all files together, then ENOSPC
  std::uint64_t io_error_after =
      kSimNever;  // so many bytes are written; the block behind them: EIO
  std::uint64_t sync_error_after = kSimNever;     // so many syncs succeed, then EIO
  std::uint64_t refuse_direct_after = kSimNever;  // so many direct writes, then EINVAL
  std::uint32_t refuse_size_percent = 0;          // set_size() fails
  // Lies of a disk, and of a build with a mistake in it: what the simulation has to notice.
  bool ignore_syncs = false;        // of files: they complete, and nothing is durable by them
  bool complete_on_submit = false;  // writes are called done when they are only submitted
};

enum class Kill : std::uint8_t {
  Process,  // what was completed is there; of what was submitted any sectors
  Power,    // what was durable is there; of everything else any sectors; names that were not synced
            // may be the older ones
};

class SimDisk {
 public:
  // Told at the step at which the disk dies.
  class Witness {
   public:
    virtual ~Witness() = default;
    virtual void disk_died() = 0;
  };
  // What is left: names and bytes.
  using Image = std::map<std::string, std::vector<std::uint8_t>>;

  SimDisk(std::uint64_t seed, const SimFaults& faults) : random_(seed), faults_(faults) {}
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // At the step with this number; steps() counts. The witness is borrowed.
  void plan_kill(std::uint64_t step, Kill kind, Witness& witness) noexcept {
    kill_step_ = step;
    kill_kind_ = kind;
    witness_ = &witness;
  }
  // Now.
  void kill(Kill kind);
  [[nodiscard]] bool dead() const noexcept { return dead_; }
  // From now on.
  void set_faults(const SimFaults& faults) noexcept { faults_ = faults; }
  // Of all files that have a name.
  [[nodiscard]] std::uint64_t bytes_used() const noexcept { return bytes_used_; }
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

  // A new empty file; one of that name loses it. The disk outlives the device. Errors: NoSpace.
  Result<std::unique_ptr<storage::BlockDevice>> create(const std::string& name,
                                                       std::uint32_t queue_depth);
  void rename(const std::string& from, const std::string& to);
  void remove(const std::string& name);
  // All names are durable then. Fails as other syncs do.
  Result<void> sync_directory();
  // All names are durable, as those that another file system keeps.
  void settle_names() noexcept;

  // After a kill: what it left. Before: what readers see.
  [[nodiscard]] const Image& image();
  // Any write, sync or other call that failed but for EINTR and EAGAIN.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  // Any set_size() that failed.
  [[nodiscard]] std::uint64_t size_failures() const noexcept { return size_failures_; }

 private:
  friend class SimDevice;

  static constexpr std::uint32_t kSector = 512;

  // Who wrote a sector last: a number that grows with each write. Durable up to `durable_write`.
  static constexpr std::uint64_t kForsaken = kSimNever;  // a sync failed: no later one covers it

  struct File {
    std::vector<std::uint8_t> content;  // as readers see it up to `size`
    std::uint64_t size = 0;
    std::vector<std::uint64_t> sector_writes;  // 0: none yet
    std::map<std::uint64_t, std::vector<std::uint8_t>>
        older;  // durable sectors that were overwritten
    std::uint64_t durable_write = 0;
    std::uint64_t durable_size = 0;
    std::vector<std::string> names;  // since the directory was synced, the newest last; "": none
    [[nodiscard]] bool removed() const noexcept { return names.back().empty(); }
  };
  struct Submitted {
    File* file = nullptr;
    storage::WriteOperation operation;
    std::uint64_t covers = 0;  // of a sync: writes up to this one
    std::uint64_t covers_size = 0;
    bool sync = false;
    bool direct = false;
    std::uint32_t delay = 0;  // so often it is asked for before it is done
    bool told = false;        // complete_on_submit
    std::vector<std::uint8_t> copy = {};
  };

  void step();
  std::int32_t complete(const Submitted& one);
  std::int32_t write(File& file, std::uint64_t offset, Bytes bytes, bool direct);
  int refusal(const File& file, std::uint64_t offset, std::uint32_t& bytes, bool direct);
  void put(File& file, std::uint64_t offset, Bytes bytes);
  int sync(File& file, std::uint64_t covers, std::uint64_t size);
  int set_size(File& file, std::uint64_t bytes);
  int draw_interruption();
  int fail(int error) noexcept {
    ++failures_;
    return error;
  }
  [[nodiscard]] std::string name_left(const File& file, Kill kind);
  [[nodiscard]] std::vector<std::uint8_t> content_left(File& file, Kill kind);
  void tear(std::vector<std::uint8_t>& content, const Submitted& one);
  void lose(const File& file, std::vector<std::uint8_t>& content);

  Prng random_;
  SimFaults faults_;
  std::vector<std::unique_ptr<File>> files_;
  std::vector<Submitted> submitted_;  // of all devices, in the order of submission
  std::uint64_t writes_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t bytes_used_ = 0;
  std::uint64_t direct_writes_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t size_failures_ = 0;

  std::uint64_t steps_ = 0;
  std::uint64_t kill_step_ = kSimNever;
  Kill kill_kind_ = Kill::Process;
  Witness* witness_ = nullptr;
  bool dead_ = false;
  Image image_;
};

}  // namespace weir::test

// The files of a rotated capture: their names, when the next one begins, which ones are deleted.
// PcapngFile asks; it knows what the files hold.
//
// When the next file begins:
// - Size: PcapngEncoder tells (StreamLimit), before the record that would be too much.
// - Interval: files end at UTC multiples of it. The first packet with a time at or behind the end
//   begins the next file. When none comes, the clock does it, 1 s after the end. Packets with
//   earlier times that come afterwards (from other workers) go into the file that is open then.
// - What jumping clocks do to intervals: rotation_interval.h.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/packet_batch.h"
#include "base/result.h"
#include "output/pcapng_encoder.h"
#include "output/rotation_interval.h"
#include "output/rotation_options.h"
#include "storage/block_device.h"
#include "telemetry/counter.h"

namespace weir::output {

// Where the files are. The real one is DiskFiles, in open_pcapng.cc.
class FileStore {
 public:
  virtual ~FileStore() = default;
  // A new file; one that exists is an error.
  virtual Result<std::unique_ptr<storage::BlockDevice>> create(const std::string& path) = 0;
  // Those of the series of `path` that are there, oldest first (series_of()).
  virtual std::vector<std::string> earlier(const std::string& path) = 0;
  // At once or soon. A file that is not there is no error.
  virtual void remove(std::string path) = 0;
  // Waits until everything is removed; the last call but take_failure().
  virtual void finish() noexcept = 0;
  // The first removal that failed, once.
  virtual std::optional<Error> take_failure() = 0;
};

// "STEM_00001_20261121T200000Z.pcapng" for the file `number` of `path`, which begins at `begin`
// (UTC). STEM is `path` without .pcapng or .pcap. Numbers above 99999 have more digits.
[[nodiscard]] std::string rotated_path(const std::string& path, std::uint64_t number,
                                       Timestamp begin);

// Of the names in the directory of `path` those of its rotated files, as paths, oldest first.
[[nodiscard]] std::vector<std::string> series_of(const std::string& path,
                                                 const std::vector<std::string>& names);

// One thread; files() any. Allocates and makes system calls, all of them between files.
class Rotation {
 public:
  // `clock` is borrowed.
  Rotation(std::string path, const RotationOptions& options, const Clock& clock,
           std::unique_ptr<FileStore> store);

  Result<std::unique_ptr<storage::BlockDevice>> open_first();
  // The file after one that is full, or over by `packet` (the first that it could not take, if it
  // was a packet) or by the clock. Deletes what is too old. Errors: those of FileStore::create().
  Result<std::unique_ptr<storage::BlockDevice>> open_next(const Packet* packet);
  // Where the file that is open ends.
  [[nodiscard]] StreamLimit limit() const noexcept;
  // Whether it ends now, by the clock.
  [[nodiscard]] bool due() const noexcept { return interval_.over(); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }  // as given
  [[nodiscard]] const std::string& file() const noexcept { return file_; }  // opened last
  [[nodiscard]] std::uint64_t files() const noexcept { return files_.value(); }
  // No further file: waits for deletions that are not done.
  void finish() noexcept { store_->finish(); }
  // The first deletion that failed, once.
  std::optional<Error> take_warning() { return store_->take_failure(); }

 private:
  Result<std::unique_ptr<storage::BlockDevice>> open(Timestamp begin);

  std::string path_;
  RotationOptions options_;
  const Clock& clock_;
  std::unique_ptr<FileStore> store_;
  RotationInterval interval_;

  telemetry::Counter files_;
  std::uint64_t skipped_ = 0;  // numbers of another run
  std::string file_;
  std::deque<std::string> kept_;  // oldest first; only with files_max
};

}  // namespace weir::output

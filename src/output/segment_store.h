// A store that is written to: a directory of segments, held by one engine at a time. Makes files
// for its lanes before they need them, and seals what they have filled, on threads of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "output/background_work.h"
#include "output/recover_segment.h"
#include "output/segment_supply.h"
#include "output/store_catalogue.h"
#include "storage/segment/segment_writer.h"
#include "storage/segment/store_directory.h"

namespace weir::output {

// Any thread.
class SegmentStore final : public SegmentSupply {
 public:
  // Makes the directory if its parent is there, locks it, and brings what an engine that died has
  // left into order (recover_segment.h). The clock is borrowed. Errors: Exists (another process has
  // it), NotFound, Permission, those of recovery and of the manifest. `watcher` and `devices`,
  // where segments are written (storage::open_on()), are borrowed.
  static Result<std::unique_ptr<SegmentStore>> open(const std::string& path, const Clock& clock,
                                                    StoreWatcher* watcher = nullptr,
                                                    storage::BlockDevices* devices = nullptr);
  ~SegmentStore() override;

  Result<std::uint32_t> add_lane(const SegmentFiles& files) override;
  Result<FreshSegment> take(std::uint32_t lane) override;
  [[nodiscard]] bool ready(std::uint32_t lane) override;
  void seal(std::uint32_t lane, std::unique_ptr<storage::segment::SegmentWriter> writer,
            const SealedSegment& segment) override;
  Result<void> give_up(std::unique_ptr<storage::segment::SegmentWriter> writer) override;
  Result<void> close_lane(std::uint32_t lane) override;

  // What is to be deleted, from now on.
  void set_bounds(const storage::segment::RetentionBounds& bounds) {
    catalogue_->set_bounds(bounds);
  }
  // Now and then, by an owner that has no more rights than it needs: retention is looked after,
  // also when no segment is begun for a long time.
  void tend();
  [[nodiscard]] StoreCatalogue& catalogue() noexcept { return *catalogue_; }
  // When its lanes are closed: all that is deleted is deleted.
  void finish() noexcept;

  [[nodiscard]] StoreStatus status() const { return catalogue_->status(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // What was found at the start.
  [[nodiscard]] const RecoveryReport& recovered() const noexcept { return recovered_; }

 private:
  struct Lane {
    SegmentFiles files;
    std::unique_ptr<storage::BlockDevice> spare;
    std::optional<Error> error;  // why there is none
    bool preparing = false;
    bool closed = false;
    std::uint32_t sealing = 0;  // segments that are on their way
    std::optional<Error> seal_error;
  };
  struct Ended {
    std::uint32_t lane = 0;
    std::unique_ptr<storage::segment::SegmentWriter> writer;
    SealedSegment segment;
  };
  // Threads that do one thing each: files to come do not wait for a disk that syncs.
  class Preparing final : public BackgroundWork::Worker {
   public:
    explicit Preparing(SegmentStore& store) noexcept : store_(store) {}
    void work_on(const std::string& lane) noexcept override { store_.prepare(lane); }

   private:
    SegmentStore& store_;
  };
  class Keeping final : public BackgroundWork::Worker {
   public:
    explicit Keeping(SegmentStore& store) noexcept : store_(store) {}
    void work_on(const std::string&) noexcept override { store_.keep(); }

   private:
    SegmentStore& store_;
  };
  class Sealing final : public BackgroundWork::Worker {
   public:
    explicit Sealing(SegmentStore& store) noexcept : store_(store) {}
    void work_on(const std::string& path) noexcept override { store_.seal_one(path); }

   private:
    SegmentStore& store_;
  };

  SegmentStore(std::string path, const Clock& clock, storage::BlockDevices* devices,
               storage::segment::StoreLock lock)
      : path_(std::move(path)), clock_(clock), devices_(devices), lock_(std::move(lock)) {}
  Result<std::unique_ptr<storage::BlockDevice>> make_spare(std::uint32_t lane,
                                                           const SegmentFiles& files) const;
  [[nodiscard]] std::string spare_path(std::uint32_t lane) const;
  void keep() noexcept;
  void prepare(const std::string& lane) noexcept;
  void seal_one(const std::string& path) noexcept;

  const std::string path_;
  const Clock& clock_;
  storage::BlockDevices* const devices_;
  storage::segment::StoreLock lock_;
  RecoveryReport recovered_;
  std::unique_ptr<StoreCatalogue> catalogue_;

  std::mutex mutex_;  // guards what follows, except the threads
  std::condition_variable changed_;
  std::uint64_t next_sequence_ = 1;
  std::vector<Lane> lanes_;
  std::map<std::string, Ended> ended_;                // by path
  std::vector<storage::segment::ManifestRow> begun_;  // not yet in the catalogue
  MonotonicTime next_look_{};

  Preparing preparing_{*this};
  Sealing sealing_{*this};
  Keeping keeping_{*this};
  BackgroundWork prepare_work_{preparing_};  // these end first
  BackgroundWork seal_work_{sealing_};
  BackgroundWork keep_work_{keeping_};
};

}  // namespace weir::output

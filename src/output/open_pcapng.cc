#include "output/open_pcapng.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/assert.h"
#include "output/file_remover.h"
#include "output/pcapng_file.h"
#include "output/pcapng_pipe.h"
#include "output/rotation.h"
#include "output/spilling_pipe.h"

namespace weir::output {
namespace {

std::optional<SectionCounts> counts_of(const PcapngOptions& options) {
  if (options.counts == nullptr) return std::nullopt;
  return SectionCounts(*options.counts, *options.clock);
}

Result<std::unique_ptr<Sink>> open_spilling(UniqueFd fd, const PcapngOptions& options) {
  using storage::spill::SpillQueue;
  WEIR_TRY(auto queue,
           options.spill_directory != nullptr
               ? SpillQueue::open(*options.spill, *options.clock, *options.spill_directory)
               : SpillQueue::open(*options.spill, *options.clock));
  WEIR_TRY(auto pipe, SpillingPipe::open(std::move(fd), std::move(queue),
                                         {.path = options.path,
                                          .identity = options.identity,
                                          .credits_max = options.credits_max,
                                          .full_policy = options.full_policy,
                                          .counts = counts_of(options)}));
  return std::unique_ptr<Sink>(std::move(pipe));
}

Result<std::unique_ptr<Sink>> open_pipe(UniqueFd fd, const PcapngOptions& options) {
  if (options.spill) return open_spilling(std::move(fd), options);
  WEIR_TRY(auto pipe, PcapngPipe::open(std::move(fd), {.path = options.path,
                                                       .identity = options.identity,
                                                       .credits_max = options.credits_max,
                                                       .full_policy = options.full_policy,
                                                       .counts = counts_of(options)}));
  return std::unique_ptr<Sink>(std::move(pipe));
}

// How the file of a path is reached.
struct Place {
  int directory = AT_FDCWD;
  std::string name;
  int links = 0;  // flag of open(2)
};
Place place_of(const std::string& path, int directory) {
  if (directory < 0) return {.name = path};
  return {.directory = directory, .name = path.substr(path.rfind('/') + 1), .links = O_NOFOLLOW};
}

std::string folder_of(const std::string& path, int directory) {
  if (directory >= 0) return "/proc/self/fd/" + std::to_string(directory) + "/.";
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

// The files of a rotation, written from the blocks of one pool.
class DiskFiles final : public FileStore {
 public:
  DiskFiles(const PcapngOptions& options, const buffer::BlockPool& pool)
      : directory_(options.directory),
        direct_(options.direct),
        io_uring_(options.io_uring),
        devices_(options.devices),
        pool_(pool),
        remover_(options.directory) {}

  Result<std::unique_ptr<storage::BlockDevice>> create(const std::string& path) override {
    return storage::open_on(devices_, {.path = path,
                                       .directory = directory_,
                                       .existing = storage::Existing::Refuse,
                                       .direct = direct_,
                                       .io_uring = io_uring_,
                                       .queue_depth = pool_.count(),
                                       .buffers = pool_.memory()});
  }
  std::vector<std::string> earlier(const std::string& path) override {
    std::vector<std::string> names;
    std::error_code error;
    // What cannot be listed is not deleted either.
    for (std::filesystem::directory_iterator at(folder_of(path, directory_), error), end;
         !error && at != end; at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    return series_of(path, names);
  }
  void remove(std::string path) override { remover_.remove(std::move(path)); }
  void finish() noexcept override { remover_.finish(); }
  std::optional<Error> take_failure() override { return remover_.take_failure(); }

 private:
  int directory_;
  bool direct_;
  bool io_uring_;
  storage::BlockDevices* devices_;
  const buffer::BlockPool& pool_;
  FileRemover remover_;
};

Result<std::unique_ptr<Sink>> open_series(const PcapngOptions& options) {
  if (options.rotation.size_bytes == 0 && options.rotation.interval.count() == 0) {
    return Error{.code = ErrorCode::Usage,
                 .context = "write " + options.path +
                            ": a number of files to keep, but no rule for when the next one "
                            "begins (add a size or an interval)"};
  }
  WEIR_TRY(auto pool, buffer::BlockPool::create(PcapngFile::blocks(options.credits_max),
                                                PcapngFile::kBlockBytes + PcapngFile::kSlackBytes));
  auto rotation = std::make_unique<Rotation>(options.path, options.rotation, *options.clock,
                                             std::make_unique<DiskFiles>(options, *pool));
  WEIR_TRY(auto device, rotation->open_first());
  return std::unique_ptr<Sink>(
      std::make_unique<PcapngFile>(PcapngFile::Parts{.pool = std::move(pool),
                                                     .device = std::move(device),
                                                     .identity = options.identity,
                                                     .credits_max = options.credits_max,
                                                     .counts = counts_of(options),
                                                     .rotation = std::move(rotation)}));
}

Error no_rotation(const std::string& path) {
  return {.code = ErrorCode::Usage,
          .context = "write " + (path == "-" ? std::string("to standard output") : path) +
                     ": a pipe cannot be rotated (name a file)"};
}

}  // namespace

Result<std::unique_ptr<Sink>> open_pcapng(const PcapngOptions& options) {
  const bool rotated = options.rotation.any();
  WEIR_ASSERT(options.clock != nullptr ||
              (options.counts == nullptr && !rotated && !options.spill));
  if (options.path == "-") {
    if (rotated) return no_rotation(options.path);
    // A copy, so that closing the sink leaves the process its descriptor 1.
    UniqueFd fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return system_error(errno, "write to standard output");
    return open_pipe(std::move(fd), options);
  }
  const Place place = place_of(options.path, options.directory);
  struct stat facts = {};
  const int how = place.links == 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  const bool exists = fstatat(place.directory, place.name.c_str(), &facts, how) == 0;
  if (exists && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
    if (rotated) return no_rotation(options.path);
    UniqueFd fd(openat(place.directory, place.name.c_str(), O_WRONLY | O_CLOEXEC | place.links));
    if (!fd) return system_error(errno, "write " + options.path);
    return open_pipe(std::move(fd), options);
  }
  if (rotated) return open_series(options);
  if (options.directory >= 0) {
    return Error{.code = ErrorCode::NotFound,
                 .context = "write " + options.path + ": the pipe is gone (make it again)"};
  }
  WEIR_TRY(auto file, PcapngFile::open({.path = options.path,
                                        .identity = options.identity,
                                        .direct = options.direct,
                                        .io_uring = options.io_uring,
                                        .credits_max = options.credits_max,
                                        .counts = counts_of(options),
                                        .live = options.live}));
  return std::unique_ptr<Sink>(std::move(file));
}

}  // namespace weir::output

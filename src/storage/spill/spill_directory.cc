#include "storage/spill/spill_directory.h"

#include <sys/stat.h>

#include <algorithm>

namespace weir::storage::spill {

namespace {

std::uint64_t size_of(const std::string& path) noexcept {
  struct stat facts = {};
  return ::stat(path.c_str(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

bool is_packet_store(const segment::StoreListing& listing, const std::string& directory) {
  struct stat facts = {};
  return !listing.spares.empty() || ::stat((directory + "/weir-store.db").c_str(), &facts) == 0;
}

}  // namespace

std::optional<std::string> text_of(const SpillLeftovers& leftovers, const std::string& directory) {
  if (leftovers.files == 0) return std::nullopt;
  return "spill " + directory + ": " + std::to_string(leftovers.files) +
         (leftovers.files == 1 ? " file" : " files") + " of an earlier run, " +
         std::to_string(leftovers.bytes) +
         " bytes, count against the size of the queue (weir read " + directory +
         "/*.pcapng reads them; remove them when they are not needed)";
}

Result<std::unique_ptr<SpillDirectory>> SpillDirectory::open(const std::string& path) {
  auto lock = segment::StoreLock::take(path);
  if (!lock) return std::move(lock).error().with_context("spill");
  WEIR_TRY(const auto listing, segment::list_store(path));
  if (is_packet_store(listing, path)) {
    return Error{
        .code = ErrorCode::Exists,
        .context = "spill " + path + ": a packet store is there (choose another directory)"};
  }
  std::unique_ptr<SpillDirectory> directory(new SpillDirectory(path, std::move(*lock)));
  std::uint64_t next = 1;
  for (const segment::StoredSegment& one : listing.segments) {
    ++directory->leftovers_.files;
    directory->leftovers_.bytes += size_of(path + "/" + one.file);
    next = std::max(next, one.name.sequence + 1);
  }
  directory->next_sequence_.store(next);
  return directory;
}

std::optional<std::string> SpillDirectory::take_notice() {
  if (told_.exchange(true)) return std::nullopt;
  return text_of(leftovers_, path_);
}

}  // namespace weir::storage::spill

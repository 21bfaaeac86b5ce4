#include "capture/retrieval/chunk_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"
#include "storage/segment/format.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

bool AlignedBytes::grow(std::size_t bytes) noexcept {
  if (bytes <= bytes_) return true;
  const std::size_t room = align_up(bytes, std::size_t{segment::kUnitAlignment});
  memory_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(segment::kUnitAlignment, room)));
  bytes_ = memory_ == nullptr ? 0 : room;
  return memory_ != nullptr;
}

void AlignedBytes::Free::operator()(std::uint8_t* memory) const noexcept { std::free(memory); }

Result<std::unique_ptr<ChunkFile>> ChunkFile::open(const std::string& path,
                                                   std::atomic<std::uint64_t>& bytes_read) {
  WEIR_TRY(auto file, segment::FileReader::open(path));
  struct stat facts = {};
  if (::fstat(file->fd(), &facts) != 0) return system_error(errno, "open " + path);
  const uid_t user = ::geteuid();
  const bool cache_is_told = user == 0 || user == facts.st_uid;
  return std::unique_ptr<ChunkFile>(
      new ChunkFile(std::move(file), facts.st_dev, cache_is_told, bytes_read));
}

Result<std::size_t> ChunkFile::read_at(std::uint64_t offset, std::span<std::uint8_t> into) const {
  auto got = file_->read_at(offset, into);
  if (got) bytes_read_.fetch_add(*got, std::memory_order_relaxed);
  return got;
}

// Without a read: one that must not wait (RWF_NOWAIT) begins to read ahead all the same. Nothing
// looks into the mapping, so that it does not matter whether the file still has the bytes.
bool ChunkFile::in_cache(std::uint64_t offset, std::size_t bytes) const noexcept {
  constexpr std::size_t kPageBytes = segment::kUnitAlignment;  // of the machine: at least that
  std::array<unsigned char, segment::kUnitBytesMax / kPageBytes> pages;
  if (!cache_is_told_ || bytes > segment::kUnitBytesMax || bytes == 0) return false;
  void* const mapping =
      ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file_->fd(), static_cast<off_t>(offset));
  if (mapping == MAP_FAILED) return false;
  const bool told = ::mincore(mapping, bytes, pages.data()) == 0;
  ::munmap(mapping, bytes);
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return told && std::all_of(pages.begin(),
                             pages.begin() + static_cast<std::ptrdiff_t>(
                                                 align_up(bytes, page_bytes) / page_bytes),
                             [](unsigned char page) { return (page & 1) != 0; });
}

void ChunkFile::stop_reading_ahead() const noexcept {
  (void)::posix_fadvise(file_->fd(), 0, 0, POSIX_FADV_RANDOM);
}

// By its descriptor: the path may be gone.
void ChunkFile::open_direct() const noexcept {
  const std::string path = "/proc/self/fd/" + std::to_string(file_->fd());
  direct_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
}

Result<std::size_t> ChunkFile::read_past_cache(std::uint64_t offset,
                                               std::span<std::uint8_t> into) const {
  std::call_once(opened_direct_, [this] { open_direct(); });
  std::size_t done = 0;
  while (direct_ && done < into.size()) {
    const ssize_t got = ::pread(direct_.get(), into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    // The rest is asked for in the usual way, which says what is wrong.
    if (got <= 0 || got % segment::kUnitAlignment != 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes_read_.fetch_add(done, std::memory_order_relaxed);
  if (done == into.size()) return done;
  WEIR_TRY(const std::size_t rest, read_at(offset + done, into.subspan(done)));
  (void)::posix_fadvise(file_->fd(), static_cast<off_t>(offset + done), static_cast<off_t>(rest),
                        POSIX_FADV_DONTNEED);
  return done + rest;
}

}  // namespace weir::capture::retrieval

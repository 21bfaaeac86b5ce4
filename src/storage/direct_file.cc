#include "storage/direct_file.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "storage/block_device.h"

namespace weir::storage {
namespace {

Error open_error(int sys_errno, const std::string& path) {
  Error error = system_error(sys_errno, "write " + path);
  switch (sys_errno) {
    case EISDIR:
      error.code = ErrorCode::Exists;
      error.context = "write " + path + ": it is a directory (name a file in it)";
      break;
    case ENOENT:
    case ENOTDIR:
      error.context = "write " + path + ": no such directory " +
                      std::filesystem::path(path).parent_path().string() + " (create it first)";
      break;
    case EACCES:
    case EPERM:
      error.context += " (choose a place where you may write)";
      break;
    case ENXIO:  // a FIFO without a reader
      error.code = ErrorCode::Exists;
      error.context = "write " + path + ": not a regular file";
      break;
    case ELOOP:
      error.code = ErrorCode::Exists;
      error.context = "write " + path + ": a symbolic link is there (remove it)";
      break;
    case EEXIST:
      error.context = "write " + path + ": the file exists (choose another name, or remove it)";
      break;
    default:
      break;
  }
  return error;
}

// The file system says that it has no direct I/O for this file, though it takes the flag. Where it
// says nothing (kernels before 6.1, tmpfs) the first write tells.
bool direct_ruled_out(int fd) noexcept {
  struct statx facts = {};
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) != 0) return false;
  if ((facts.stx_mask & STATX_DIOALIGN) == 0) return false;
  return facts.stx_dio_offset_align == 0 || facts.stx_dio_offset_align > kDirectAlignment ||
         facts.stx_dio_mem_align > kDirectAlignment;
}

// Room behind the end of the file, without making it longer. Where it is refused, or there is not
// as much, writes take their room as they come.
void allocate(int fd, std::uint64_t bytes) noexcept {
  // A disk that has less would be full until what was taken of it is given back: those who write
  // meanwhile would fail for nothing.
  struct ::statvfs disk = {};
  if (fstatvfs(fd, &disk) != 0 || std::uint64_t{disk.f_bavail} * disk.f_frsize < bytes) return;
  while (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    (void)ftruncate(fd, 0);  // a part may have been taken
    return;
  }
}

// Drops O_NONBLOCK too, with which io_uring would answer EAGAIN instead of waiting for the disk.
bool set_direct(int fd, bool on) noexcept { return fcntl(fd, F_SETFL, on ? O_DIRECT : 0) == 0; }

}  // namespace

Result<DirectFile> DirectFile::open(const BlockDeviceOptions& options) {
  const std::string& path = options.path;
  const int exclusive = options.existing == Existing::Refuse ? O_EXCL : 0;
  const bool held = options.directory >= 0;
  const std::string name = held ? path.substr(path.rfind('/') + 1) : path;  // npos + 1 is 0
  const int links = held || options.links == Links::Refuse ? O_NOFOLLOW : 0;
  // O_NONBLOCK: a FIFO that took the place of a file since the caller looked must not hold us up.
  UniqueFd fd(::openat(held ? options.directory : AT_FDCWD, name.c_str(),
                       O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | exclusive | links, 0666));
  if (!fd) return open_error(errno, path);
  struct ::stat facts = {};
  if (fstat(fd.get(), &facts) != 0) return system_error(errno, "write " + path);
  if (!S_ISREG(facts.st_mode)) {
    return Error{.code = ErrorCode::Exists, .context = "write " + path + ": not a regular file"};
  }
  if (facts.st_size != 0 && ftruncate(fd.get(), 0) != 0)
    return system_error(errno, "empty " + path);
  if (options.allocate_bytes != 0) allocate(fd.get(), options.allocate_bytes);
  const bool direct = options.direct && !direct_ruled_out(fd.get()) && set_direct(fd.get(), true);
  if (!direct && !set_direct(fd.get(), false)) return system_error(errno, "write " + path);
  return DirectFile(std::move(fd), path, direct);
}

Result<void> DirectFile::leave_direct() {
  if (!direct_) return ok();
  if (!set_direct(fd_.get(), false))
    return system_error(errno, "switch " + path_ + " to buffered writing");
  direct_ = false;
  return ok();
}

std::int64_t DirectFile::write_tail(std::uint64_t offset, Bytes bytes) noexcept {
  // The flag is per open file, so it is lifted for this write; the kernel keeps page cache and
  // direct writes coherent.
  if (direct_ && !set_direct(fd_.get(), false)) return -errno;
  const std::int64_t written = write_at(fd_.get(), offset, bytes);
  if (direct_) direct_ = set_direct(fd_.get(), true);
  return written;
}

Result<void> DirectFile::set_size(std::uint64_t bytes) {
  if (ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0) return ok();
  return system_error(errno, "set the size of " + path_);
}

Result<void> DirectFile::sync_data() {
  if (fdatasync(fd_.get()) == 0) return ok();
  return system_error(errno, "write " + path_ + " to stable storage");
}

Result<void> DirectFile::close() {
  if (!fd_) return ok();
  if (::close(fd_.release()) == 0) return ok();
  return system_error(errno, "close " + path_);
}

std::int64_t write_at(int fd, std::uint64_t offset, Bytes bytes) noexcept {
  for (;;) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written >= 0) return written;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace weir::storage

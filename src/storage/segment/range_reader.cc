#include "storage/segment/range_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

namespace weir::storage::segment {

Result<std::unique_ptr<FileReader>> FileReader::open(const std::string& path) {
  // Without O_NONBLOCK a named pipe would keep us waiting for its writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(errno, "open " + path);
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0) return system_error(errno, "open " + path);
  if (!S_ISREG(facts.st_mode)) {
    return Error{.code = ErrorCode::UnknownFormat, .context = "open " + path + ": not a file"};
  }
  return std::unique_ptr<FileReader>(new FileReader(std::move(fd), path));
}

Result<std::size_t> FileReader::read_at(std::uint64_t offset, std::span<std::uint8_t> into) const {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - into.size()) {
    return std::size_t{0};
  }
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read " + path_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::uint64_t> FileReader::size() const {
  struct stat facts = {};
  if (::fstat(fd_.get(), &facts) != 0) return system_error(errno, "read " + path_);
  return static_cast<std::uint64_t>(facts.st_size);
}

}  // namespace weir::storage::segment

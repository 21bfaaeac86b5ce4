#include "output/file_remover.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace weir::output {

void FileRemover::work_on(const std::string& path) noexcept {
  const bool held = directory_ >= 0;
  const std::string name = held ? path.substr(path.rfind('/') + 1) : path;
  const int error = unlinkat(held ? directory_ : AT_FDCWD, name.c_str(), 0) == 0 ? 0 : errno;
  const std::lock_guard lock(mutex_);
  if (error == 0 || error == ENOENT || failed_) return;
  failed_ = true;
  failure_ = system_error(error, "delete " + path);
  failure_->context += " (files older than those to be kept stay; delete them yourself)";
}

std::optional<Error> FileRemover::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

}  // namespace weir::output

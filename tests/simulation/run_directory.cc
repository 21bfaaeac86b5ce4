#include "simulation/run_directory.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace weir::test {

RunDirectory::RunDirectory() {
  std::error_code none;
  std::string parent = "/dev/shm";
  if (!std::filesystem::is_directory(parent, none) || ::access(parent.c_str(), W_OK) != 0) {
    parent = std::filesystem::temp_directory_path();
  }
  path_ = parent + "/weir-simulation-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) path_.clear();
}

RunDirectory::~RunDirectory() { remove(); }

void RunDirectory::remove() const noexcept {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace weir::test

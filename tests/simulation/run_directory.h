// Where simulated runs leave their files.
#pragma once

#include <string>

namespace weir::test {

// A directory for runs, in memory where there is one.
class RunDirectory {
 public:
  RunDirectory();
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;
  // Now: for a process that ends without destructors.
  void remove() const noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace weir::test

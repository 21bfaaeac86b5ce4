// Where a command of `weir ctl` writes: standard output, or a file.
#pragma once

#include <string>
#include <string_view>

#include "app/ctl/end_watch.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::app {

class CtlOutput {
 public:
  // "-": standard output. A file is made, or made empty, by open_file().
  explicit CtlOutput(std::string path) : path_(std::move(path)) {}

  // Opens a named pipe, which waits for its reader; nothing else. Called before the engine is
  // asked, while signals still end the process.
  Result<void> open_pipe();
  // Nothing for standard output and for what is open. Called once the engine has agreed, so that a
  // refusal leaves the file as it was.
  Result<void> open_file();
  // The descriptor; -1 for a file that is not open yet.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] bool is_terminal() const noexcept;
  // All of it, or an error: Closed where the reader is gone. With a watch: whatever fits before the
  // end comes.
  Result<void> write(std::string_view bytes, const EndWatch* watch = nullptr);

 private:
  Result<void> open();

  std::string path_;
  UniqueFd file_;
};

}  // namespace weir::app

// What can go wrong outside the per-packet loop, as values: a closed list of codes, each with who
// must act.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir {

// docs/errors.md lists the same codes; a test compares the two.
enum class ErrorCode : std::uint8_t {
  Usage,             // the command line or an option's value is wrong
  BadFilter,         // a filter expression does not compile
  UnknownInterface,  // no such network interface
  NotFound,          // a file or directory is not there
  Permission,        // the system refused for lack of rights
  Exists,            // something is in the way that we would have to destroy
  UnknownFormat,     // not a capture file that weir reads
  Damaged,           // the input breaks its own format from some offset on
  Truncated,         // the input ends in the middle of something
  Unsupported,       // this kernel, file system or build cannot do what was asked
  NoSpace,           // the disk, or a quota on it, is full
  Closed,            // the reader at the other end of a pipe is gone
  Io,                // a read or write failed for another reason
  LinkGone,          // the network interface disappeared during a capture
  Resource,          // memory, descriptors or another limit of the system ran out
  TimedOut,          // what was asked of a running engine was not done by its deadline
  Conflict,          // somebody else has changed meanwhile what was to be changed
  Internal,          // a bug in weir
};

// Who must act on an error, and how a caller may react.
enum class ErrorClass : std::uint8_t {
  Usage,        // the user changes the command; exit status 2
  Permission,   // the administrator grants a right; exit status 1
  Input,        // the input is at fault, the packets before the fault are good; exit status 1
  Environment,  // disk, memory, kernel, link: the operator mends it; exit status 1
  Bug,          // the developers; exit status 1
};

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;  // as printed by --stats-json and in docs/errors.md
  ErrorClass error_class;
};

// One row a code, in the order of the enum.
std::span<const ErrorInfo> error_table() noexcept;
std::string_view name_of(ErrorCode code) noexcept;
ErrorClass classify(ErrorCode code) noexcept;
// The process exit status that contracts promise: 2 for usage, 1 for everything else.
int exit_status(ErrorCode code) noexcept;

// One error. `context` is a sentence for a person: what was asked, what was wrong, and in
// parentheses what to do: "open eth7: no such interface (there are: lo, eth0)". It grows on the way
// up by with_context().
struct Error {
  ErrorCode code = ErrorCode::Internal;
  int sys_errno = 0;  // 0 when no system call was involved
  std::string context;

  // "WHAT: " put in front of the context.
  [[nodiscard]] Error with_context(std::string_view what) &&;
};

// An Error from errno: maps the common values (EACCES, ENOENT, ENOSPC, EPIPE, ...) to codes and
// appends strerror.
[[nodiscard]] Error system_error(int sys_errno, std::string_view what);

}  // namespace weir

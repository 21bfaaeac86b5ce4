#include "output/output_error.h"

#include <cerrno>
#include <string_view>

namespace weir::output {
namespace {

std::string_view hint(int sys_errno) noexcept {
  switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or write elsewhere";
    case EFBIG:
      return "the limit for file sizes is reached, see ulimit -f";
    case EPIPE:
      return "the program that read it has ended";
    case ECANCELED:
      return "stopped while its reader was slow";
    default:
      return "the kernel's log may say more";
  }
}

}  // namespace

LostReason lost_reason(int sys_errno) noexcept {
  switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return LostReason::NoSpace;
    case EPIPE:
    case ECANCELED:
      return LostReason::Closed;
    default:
      return LostReason::WriteError;
  }
}

Error output_error(int sys_errno, const std::string& path, std::uint64_t offset,
                   std::uint64_t packets_kept) {
  Error error =
      system_error(sys_errno, "write " + (path == "-" ? std::string("to standard output") : path));
  if (sys_errno == ECANCELED) error.code = ErrorCode::Closed;
  error.context +=
      " at byte " + std::to_string(offset) + " (" + std::string(hint(sys_errno)) + "; ";
  error.context += packets_kept == 0
                       ? "no packet was written)"
                       : "whole packets written: " + std::to_string(packets_kept) + ")";
  return error;
}

Error record_log_error(int sys_errno, const std::string& path, std::uint64_t records_kept) {
  Error error = system_error(sys_errno, "write " + path);
  error.context += " (" + std::string(hint(sys_errno)) +
                   "); records of this run in it: " + std::to_string(records_kept);
  return error;
}

}  // namespace weir::output

#include "base/error.h"

#include <array>
#include <cerrno>
#include <system_error>

#include "base/assert.h"

namespace weir {
namespace {

constexpr std::array kErrors = {
    ErrorInfo{ErrorCode::Usage, "usage", ErrorClass::Usage},
    ErrorInfo{ErrorCode::BadFilter, "bad_filter", ErrorClass::Usage},
    ErrorInfo{ErrorCode::UnknownInterface, "unknown_interface", ErrorClass::Usage},
    ErrorInfo{ErrorCode::NotFound, "not_found", ErrorClass::Environment},
    ErrorInfo{ErrorCode::Permission, "permission", ErrorClass::Permission},
    ErrorInfo{ErrorCode::Exists, "exists", ErrorClass::Usage},
    ErrorInfo{ErrorCode::UnknownFormat, "unknown_format", ErrorClass::Input},
    ErrorInfo{ErrorCode::Damaged, "damaged", ErrorClass::Input},
    ErrorInfo{ErrorCode::Truncated, "truncated", ErrorClass::Input},
    ErrorInfo{ErrorCode::Unsupported, "unsupported", ErrorClass::Environment},
    ErrorInfo{ErrorCode::NoSpace, "no_space", ErrorClass::Environment},
    ErrorInfo{ErrorCode::Closed, "closed", ErrorClass::Environment},
    ErrorInfo{ErrorCode::Io, "io", ErrorClass::Environment},
    ErrorInfo{ErrorCode::LinkGone, "link_gone", ErrorClass::Environment},
    ErrorInfo{ErrorCode::Resource, "resource", ErrorClass::Environment},
    ErrorInfo{ErrorCode::TimedOut, "timed_out", ErrorClass::Environment},
    ErrorInfo{ErrorCode::Conflict, "conflict", ErrorClass::Usage},
    ErrorInfo{ErrorCode::Internal, "internal", ErrorClass::Bug},
};

constexpr bool table_follows_enum() {
  for (std::size_t i = 0; i < kErrors.size(); ++i) {
    if (static_cast<std::size_t>(kErrors[i].code) != i) return false;
  }
  return kErrors.size() == static_cast<std::size_t>(ErrorCode::Internal) + 1;
}
static_assert(table_follows_enum());

ErrorCode code_of(int sys_errno) noexcept {
  switch (sys_errno) {
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::Permission;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::NotFound;
    case EEXIST:
      return ErrorCode::Exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::NoSpace;
    case EPIPE:
      return ErrorCode::Closed;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::Unsupported;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return ErrorCode::Resource;
    case ENODEV:
    case ENXIO:
      return ErrorCode::UnknownInterface;
    case ENETDOWN:
      return ErrorCode::LinkGone;
    default:
      return ErrorCode::Io;
  }
}

}  // namespace

std::span<const ErrorInfo> error_table() noexcept { return kErrors; }

std::string_view name_of(ErrorCode code) noexcept {
  return kErrors[static_cast<std::size_t>(code)].name;
}

ErrorClass classify(ErrorCode code) noexcept {
  return kErrors[static_cast<std::size_t>(code)].error_class;
}

int exit_status(ErrorCode code) noexcept { return classify(code) == ErrorClass::Usage ? 2 : 1; }

Error Error::with_context(std::string_view what) && {
  std::string joined(what);
  joined += ": ";
  joined += context;
  context = std::move(joined);
  return std::move(*this);
}

Error system_error(int sys_errno, std::string_view what) {
  std::string context(what);
  context += ": ";
  context += std::generic_category().message(sys_errno);
  return Error{.code = code_of(sys_errno), .sys_errno = sys_errno, .context = std::move(context)};
}

}  // namespace weir

// poll(2) and eventfd(2) for the threads of the HTTP server.
#pragma once

#include <poll.h>

#include <optional>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::control {

// How many of them have something to tell; 0 when the time is over or a signal came. Without a
// timeout: for ever.
int poll_for(std::span<pollfd> fds, std::optional<Duration> timeout) noexcept;

Result<UniqueFd> make_bell();     // an eventfd, non-blocking
void ring(int bell) noexcept;     // it becomes readable
void silence(int bell) noexcept;  // it is no longer

}  // namespace weir::control

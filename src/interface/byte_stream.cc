#include "interface/byte_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

namespace weir::interface {
namespace {

// A file that is always ready is read without asking; everything else is asked together with the
// waker.
enum class Kind : std::uint8_t { AlwaysReady, MayWait };

class DescriptorStream final : public ByteStream {
 public:
  DescriptorStream(UniqueFd fd, Kind kind, Waker& waker) noexcept
      : fd_(std::move(fd)), kind_(kind), waker_(waker) {}

  ReadResult read(std::span<std::uint8_t> into, Duration wait) override {
    if (error_) return {ReadStatus::Failed, 0};
    if (kind_ == Kind::MayWait && !wait_for_bytes(wait))
      return {error_ ? ReadStatus::Failed : ReadStatus::Idle, 0};
    const ssize_t got = ::read(fd_.get(), into.data(), into.size());
    if (got > 0) {
      raw_bytes_ += static_cast<std::uint64_t>(got);
      return {ReadStatus::Data, static_cast<std::size_t>(got)};
    }
    if (got == 0) return {ReadStatus::End, 0};
    if (errno == EAGAIN || errno == EINTR) return {ReadStatus::Idle, 0};
    return fail("read");
  }
  [[nodiscard]] std::uint64_t raw_bytes() const noexcept override { return raw_bytes_; }
  [[nodiscard]] bool is_raw() const noexcept override { return true; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  bool wait_for_bytes(Duration wait) {
    std::array<pollfd, 2> asked{{{fd_.get(), POLLIN, 0}, {waker_.fd(), POLLIN, 0}}};
    const std::int64_t ns = std::max<std::int64_t>(wait.count(), 0);
    const timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    if (::ppoll(asked.data(), asked.size(), &limit, nullptr) < 0) {
      if (errno != EINTR) fail("wait");
      return false;
    }
    if (asked[1].revents != 0) {
      waker_.reset();
      return false;
    }
    return asked[0].revents != 0;  // a closed or broken pipe too: read() tells which
  }

  ReadResult fail(std::string_view what) {
    error_ = system_error(errno, "offset " + std::to_string(raw_bytes_) + ": " + std::string(what));
    return {ReadStatus::Failed, 0};
  }

  UniqueFd fd_;
  Kind kind_;
  Waker& waker_;
  std::uint64_t raw_bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<Waker> Waker::create() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return system_error(errno, "create an event descriptor");
  return Waker(std::move(event));
}

void Waker::ring() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the reader is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void Waker::reset() noexcept {
  std::uint64_t rung = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &rung, sizeof rung);
}

Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path, Waker& waker) {
  const bool standard_input = path == "-";
  // Without O_NONBLOCK, opening a named pipe would wait for its writer where no waker reaches.
  UniqueFd fd(standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return system_error(errno, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error(errno, "examine");
  const bool always_ready = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
  if (always_ready) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<ByteStream>(std::make_unique<DescriptorStream>(
      std::move(fd), always_ready ? Kind::AlwaysReady : Kind::MayWait, waker));
}

}  // namespace weir::interface

#include "storage/segment/pins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "base/unique_fd.h"
#include "storage/direct_file.h"

namespace weir::storage::segment {
namespace {

constexpr const char* kFile = "/weir-store.pins";
constexpr const char* kFresh = "/weir-store.pins.new";
constexpr const char* kLock = "/weir-store.pins.lock";
constexpr std::string_view kTitle = "# weir pins 1";
constexpr std::size_t kFileBytesMax = 1024 * 1024;

Error damaged(const std::string& path, std::size_t line) {
  return {.code = ErrorCode::Damaged,
          .context = "read " + path + ": line " + std::to_string(line) +
                     " is no pin (mend it, or delete the file and pin anew)"};
}

template <typename Number>
bool take_number(std::string_view& text, Number& out) noexcept {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || end == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with(' ')) return false;
  text.remove_prefix(1);
  return true;
}

bool is_note(std::string_view text) noexcept {
  return text.size() <= kPinNoteBytesMax && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// "3 1700000000000000000 1700003600000000000 1700010000000000000 case 17"
std::optional<Pin> pin_of(std::string_view line) {
  Pin pin;
  if (!take_number(line, pin.id) || !take_number(line, pin.since.ns) ||
      !take_number(line, pin.until.ns) || !take_number(line, pin.set.ns) || !is_note(line) ||
      pin.id == 0) {
    return std::nullopt;
  }
  pin.note = line;
  return pin;
}

std::vector<std::uint8_t> bytes_of(const std::vector<Pin>& pins, std::uint64_t next) {
  std::ostringstream text;
  text << kTitle << "\n" << next << "\n";
  for (const Pin& pin : pins) {
    text << pin.id << " " << pin.since.ns << " " << pin.until.ns << " " << pin.set.ns << " "
         << pin.note << "\n";
  }
  const std::string all = text.str();
  return {all.begin(), all.end()};
}

struct Pins {
  std::uint64_t next = 1;
  std::vector<Pin> pins;
};

Result<Pins> read(const std::string& directory) {
  const std::string path = directory + kFile;
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT) return Pins{};
    return system_error(errno, "read " + path);
  }
  Pins found;
  std::string line;
  std::size_t bytes = 0;
  std::size_t number = 0;
  while (std::getline(file, line)) {
    ++number;
    bytes += line.size() + 1;
    if (bytes > kFileBytesMax || found.pins.size() > kPinsMax) return damaged(path, number);
    if (number == 1) {
      if (line != kTitle) return damaged(path, number);
    } else if (number == 2) {
      line += ' ';
      std::string_view text = line;
      if (!take_number(text, found.next)) return damaged(path, number);
    } else {
      auto pin = pin_of(line);
      if (!pin || pin->id >= found.next) return damaged(path, number);
      found.pins.push_back(std::move(*pin));
    }
  }
  if (number < 2) return damaged(path, number + 1);
  return found;
}

// One change at a time, of all processes.
Result<UniqueFd> lock(const std::string& directory) {
  const std::string path = directory + kLock;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) return system_error(errno, "open " + path);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (::fcntl(fd.get(), F_OFD_SETLKW, &whole) != 0) {
    if (errno != EINTR) return system_error(errno, "lock " + path);
  }
  return fd;
}

// Either the old pins or the new ones are there, whatever happens.
Result<void> write(const std::string& directory, const Pins& pins) {
  const std::string fresh = directory + kFresh;
  const std::vector<std::uint8_t> text = bytes_of(pins.pins, pins.next);
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) return system_error(errno, "write " + fresh);
  for (std::size_t done = 0; done < text.size();) {
    const std::int64_t written = write_at(fd.get(), done, Bytes(text).subspan(done));
    if (written <= 0) return system_error(static_cast<int>(-written), "write " + fresh);
    done += static_cast<std::size_t>(written);
  }
  if (::fsync(fd.get()) != 0) return system_error(errno, "write " + fresh);
  if (::rename(fresh.c_str(), (directory + kFile).c_str()) != 0) {
    return system_error(errno, "write " + directory + kFile);
  }
  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return system_error(errno, "write " + directory);
  return ok();
}

}  // namespace

Result<std::vector<Pin>> read_pins(const std::string& directory) {
  WEIR_TRY(auto found, read(directory));
  return std::move(found.pins);
}

Result<std::uint64_t> add_pin(const std::string& directory, Pin pin) {
  if (!is_note(pin.note)) {
    return Error{.code = ErrorCode::Usage,
                 .context = "pin " + directory + ": a note has at most " +
                            std::to_string(kPinNoteBytesMax) +
                            " bytes and no control characters (say it shorter)"};
  }
  WEIR_TRY(const UniqueFd held, lock(directory));
  WEIR_TRY(auto found, read(directory));
  if (found.pins.size() >= kPinsMax) {
    return Error{.code = ErrorCode::Usage,
                 .context = "pin " + directory + ": there are " + std::to_string(kPinsMax) +
                            " pins already (remove some, or pin longer ranges)"};
  }
  pin.id = found.next++;
  found.pins.push_back(std::move(pin));
  WEIR_CHECK(write(directory, found));
  return found.next - 1;
}

Result<void> remove_pin(const std::string& directory, std::uint64_t id) {
  WEIR_TRY(const UniqueFd held, lock(directory));
  WEIR_TRY(auto found, read(directory));
  const auto removed = std::erase_if(found.pins, [&](const Pin& pin) { return pin.id == id; });
  if (removed == 0) {
    return Error{.code = ErrorCode::NotFound,
                 .context = "unpin " + directory + ": there is no pin " + std::to_string(id) +
                            " (weir store pins lists them)"};
  }
  return write(directory, found);
}

}  // namespace weir::storage::segment

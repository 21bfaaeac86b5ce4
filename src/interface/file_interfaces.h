// The interfaces of a list of capture files, brought together in one table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/capture_interface.h"

namespace weir::interface {

// Every interface gets the next id, with one exception: an interface that is described word for
// word as one of an earlier file is that one again, so that a thousand files of one rotating
// capture have one interface, not a thousand.
class FileInterfaces {
 public:
  static constexpr std::uint32_t kInterfacesMax = 65'536;
  static constexpr std::size_t kDescriptionBytesMax =
      16 * 1024 * 1024;  // names and options of all of them

  void begin_file();
  // Nothing: a limit is reached.
  std::optional<InterfaceId> add(CaptureInterface interface);
  [[nodiscard]] const InterfaceTable& table() const noexcept { return table_; }

 private:
  // Interfaces that look alike, in the order in which files have them: the n-th of a file is the
  // n-th of all.
  struct Alike {
    std::vector<InterfaceId> ids;
    std::size_t next = 0;    // the one that the current file has not had yet
    std::uint32_t file = 0;  // ordinal of the file that `next` counts for
  };

  InterfaceTable table_;
  std::map<std::size_t, Alike> by_hash_;
  std::uint32_t file_ = 0;
  std::size_t description_bytes_ = 0;
};

}  // namespace weir::interface

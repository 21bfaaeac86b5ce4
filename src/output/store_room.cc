#include "output/store_room.h"

namespace weir::output {

std::string text_of(const StoreRoom& room) {
  std::string text = std::to_string(room.free_bytes) + " bytes free";
  if (room.yielding_bytes != 0) {
    text += ", " + std::to_string(room.yielding_bytes) + " that retention may delete";
  }
  text += ", the next segments take " + std::to_string(room.next_bytes);
  if (room.over_bytes != 0) {
    text += "; " + std::to_string(room.over_bytes) +
            " more than the bounds allow, and nothing that may be deleted";
  }
  return text;
}

}  // namespace weir::output

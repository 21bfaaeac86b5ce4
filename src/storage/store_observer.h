// What a store says of itself between calls: that its file was damaged and has been put aside, that
// a row does not fit its checksum.
#pragma once

#include <string_view>

namespace weir::storage {

class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  // A sentence for the operator. Called on the thread whose call of the store found it, with no
  // lock held: the observer may call the store.
  virtual void store_warning(std::string_view sentence) = 0;
};

}  // namespace weir::storage

// What a chunk's header says of a record that is put into it.
#pragma once

#include "base/bytes.h"
#include "storage/segment/format.h"

namespace weir::storage::spill {

// A whole pcapng block as weir writes it. Anything but a packet changes nothing.
void count_record(Bytes block, segment::ChunkFacts& facts) noexcept;

}  // namespace weir::storage::spill

// L2-L4 headers of a batch: layers, offsets, keys and the symmetric flow hash of the innermost
// tuple.
#pragma once

#include "base/headers.h"
#include "base/packet_batch.h"

namespace weir::protocol {

// Fills entry i of `headers` and `keys` from packet i, for every packet of the batch. Reads nothing
// outside the captured bytes, whatever the frames say; follows at most kLayersMax layers. No
// allocation, no failure: what cannot be followed is named in Headers::malformed, and everything
// before it is filled.
void parse_batch(const PacketBatch& batch, HeadersArray& headers, KeysArray& keys) noexcept;

}  // namespace weir::protocol

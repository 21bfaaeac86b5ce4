// A file as a zstd frame in another one.
#pragma once

namespace weir::output {

// From where `from` is to its end, with the size and a checksum in the frame; not synced.
// 0 or an errno (ENOMEM: the compressor found no room).
int compress_file(int from, int to) noexcept;

}  // namespace weir::output

// Opens the pcapng sink that fits a path: standard output, a regular file, or whatever else takes
// bytes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "output/full_policy.h"
#include "output/interface_counts.h"
#include "output/rotation_options.h"
#include "output/sink.h"
#include "storage/pcapng/writer.h"
#include "storage/spill/spill_queue.h"

namespace weir::output {

struct PcapngOptions {
  std::string path;  // "-" is standard output
  // Files are made and deleted in this open directory, and the pipe is opened there, whatever the
  // rest of the path leads to by now; no link is followed. For pipes and rotated series. Borrowed,
  // outlives the sink; -1: where the path leads.
  int directory = -1;
  storage::pcapng::SectionIdentity identity = storage::pcapng::local_identity();
  bool direct = true;    // O_DIRECT where the file system has it
  bool io_uring = true;  // where the kernel has it, with O_DIRECT
  bool live = true;      // PcapngFile::Options
  // Credits that may be out at a time: one for each worker that shares the sink (SharedSink).
  std::uint32_t credits_max = 1;
  FullPolicy full_policy = FullPolicy::Block;  // of pipes; files wait for their disk
  // Of pipes: a queue on disk for what the reader does not take (spilling_pipe.h). Needs `clock`.
  std::optional<storage::spill::SpillOptions> spill = std::nullopt;
  // That of `spill`, when it is open already; borrowed. Null: it is opened for this sink alone.
  storage::spill::SpillDirectory* spill_directory = nullptr;
  RotationOptions rotation = {};  // of regular files
  // Where the files of a series are opened; null: on the machine's disks. Borrowed, outlives the
  // sink.
  storage::BlockDevices* devices = nullptr;
  // Behind the Interface Statistics Blocks; null: none are written. Borrowed, outlives the sink.
  const InterfaceCountsReader* counts = nullptr;
  // Needed with `counts`, `spill` and `rotation`. Borrowed, outlives the sink.
  const Clock* clock = nullptr;
};

// A PcapngFile for a regular file (created, or emptied, as tcpdump -w does), or for a rotated
// series (new files only; `path` itself is not written); a PcapngPipe, or a SpillingPipe, for "-",
// FIFOs, terminals and devices. A FIFO waits for its reader. Errors: Usage (rotation of a pipe, or
// without a rule for when), NotFound, Permission, Exists (a directory; a file of a series),
// NoSpace, Resource, Io.
Result<std::unique_ptr<Sink>> open_pcapng(const PcapngOptions& options);

}  // namespace weir::output

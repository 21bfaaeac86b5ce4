// What the user asked for, as plain values. The command line (command_line.h) fills these; the
// commands read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/analysis_options.h"
#include "base/time.h"
#include "filter/frame_filter.h"
#include "interface/direction.h"
#include "output/rotation_options.h"
#include "storage/segment/format.h"
#include "storage/segment/pins.h"
#include "storage/segment/retention.h"
#include "storage/segment/segment_writer.h"
#include "storage/spill/spill_queue.h"

namespace weir::app {

// --store and what goes with it.
struct StorePlan {
  std::vector<std::string> paths;  // directories, each a store; empty: none
  std::uint64_t segment_bytes = storage::segment::kSegmentBytesMax;
  std::uint32_t chunk_bytes = storage::segment::kChunkBytesMax;
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  storage::segment::Codec compression = storage::segment::Codec::None;
  storage::segment::RetentionBounds keep = {};  // of each directory
};

// --spill and what goes with it.
struct SpillPlan {
  std::string path;  // empty: none
  std::uint64_t bytes_max = storage::spill::kSpillBytesDefault;
};

// Shared by every command that runs packets through the pipeline.
struct PipelineOptions {
  std::string filter;  // pcap-filter expression; empty accepts everything
  filter::Scope scope = filter::Scope::Frame;
  std::vector<std::string> write_paths;  // pcapng; "-" = standard output; none = count only
  StorePlan store;
  SpillPlan spill;                 // of the pipe among the paths
  std::uint64_t accepted_max = 0;  // 0 = no limit
  std::string stats_path;          // "-" = standard output; empty = none
  AnalysisOptions analysis;
};

struct ReadOptions {
  PipelineOptions pipeline;
  std::vector<std::string> files;  // "-" = standard input
};

struct CaptureOptions {
  PipelineOptions pipeline;
  std::vector<std::string> interfaces;
  std::uint32_t workers = 1;  // of each interface
  std::uint32_t snaplen = 0;  // bytes of each packet to keep; 0 = all
  interface::Direction direction = interface::Direction::InOut;
  output::RotationOptions rotation;
  std::optional<Duration> duration;
  std::optional<int> ready_fd;
};

// `weir config WHAT`: looks at configuration files, without an engine.
struct ConfigOptions {
  enum class What : std::uint8_t { Check, Show, Diff, Schema } what{};
  std::vector<std::string> files;  // none for Schema, two for Diff, else one
  bool json = false;
};

// `weir store WHAT`: looks into a store of packets.
struct StoreOptions {
  enum class What : std::uint8_t { List, Verify, Repair, Collect, Pin, Unpin, Pins } what{};
  std::vector<std::string> directories;  // one for Unpin
  bool json = false;
  // Collect:
  storage::segment::RetentionBounds bounds;
  bool dry_run = false;
  // Pin and Unpin:
  storage::segment::Pin pin;
};

struct RunOptions {
  std::string config_path;
  std::string stats_path;  // "-" = standard output; empty = none
  std::optional<int> ready_fd;
};

}  // namespace weir::app

#include "simulation/engine_remains.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "interface/capture_file.h"
#include "output/recover_segment.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/store_directory.h"
#include "storage/segment/verify.h"

namespace weir::test {

namespace segment = storage::segment;

EngineRemains::EngineRemains(const EnginePlan& plan, std::span<const LifeRecord> records,
                             const std::string& directory)
    : plan_(plan), records_(records), directory_(directory) {
  for (const LifePlan& life : plan.lives) {
    is_killed_ = is_killed_ || life.how != LifeEnd::Drain;
    loses_power_ = loses_power_ || life.how == LifeEnd::KillPower;
    for (std::uint32_t lane = 0; lane < LifePlan::kLanesMax; ++lane) {
      const std::size_t of = std::min<std::size_t>(lane, life.lanes.size() - 1);
      frames_.emplace_back(life.first_lane() + lane, life.lanes[of]);
    }
  }
}

// One packet of a file: whole or cut, it is one that arrived, and comes after those before it.
std::string EngineRemains::take(Bytes frame, ByLife& packets) {
  const auto identity = LaneFrames::identify(frame);
  if (!identity || identity->lane >= frames_.size()) return "a packet that never arrived";
  const std::string which =
      "packet " + std::to_string(identity->number) + " of lane " + std::to_string(identity->lane);
  std::uint64_t& next = next_[identity->lane];
  if (identity->number < next) return which + " stands after number " + std::to_string(next - 1);
  next = identity->number + std::uint64_t{1};
  std::array<std::uint8_t, LaneFrames::kBytesMax> made{};
  const std::uint32_t bytes = frames_[identity->lane].make(identity->number, made.data());
  if (frame.size() > bytes || !std::equal(frame.begin(), frame.end(), made.begin())) {
    return which + " is not as it arrived";
  }
  ++packets[identity->lane / LifePlan::kLanesMax];
  ++found_;
  return "";
}

std::string EngineRemains::check_store(const SessionPlan& session, ByLife& packets) {
  const std::string store = store_of(session, directory_);
  if (!segment::is_store(store)) return "";
  const SystemClock clock;
  const auto report = output::recover_store(store, clock);
  if (!report) return "recovery: " + report.error().context;
  // The head of a segment may be torn by a kill, before anything in it was acknowledged.
  if (!report->damaged.empty() && !is_killed_) return report->damaged.front();
  const auto listing = segment::list_store(store);
  if (!listing) return listing.error().context;
  next_.clear();
  segment::ChunkDecoder decoder;
  std::vector<std::uint8_t> room;
  for (const segment::StoredSegment& one : listing->segments) {
    const std::string path = store + "/" + one.file;
    const auto file = segment::SegmentFile::open(path);
    if (!file && is_killed_) continue;
    if (!file) return file.error().context;
    const auto verified = segment::verify_segment(path, {});
    if (!verified) return verified.error().context;
    if (verified->state != segment::SegmentState::Sealed && !loses_power_) {
      return one.file + " is " + std::string(segment::name_of(verified->state));
    }
    segment::UnitWalk walk = file->walk(segment::Depth::Bytes);
    while (const auto unit = walk.next()) {
      if (unit->block.kind != segment::Kind::Chunk) continue;
      const auto records = decoder.records(*unit, room);
      if (!records) return one.file + ": a chunk that cannot be read";
      segment::RecordCursor cursor(*records, segment::RecordCursor::interfaces_of(file->head()));
      while (const auto record = cursor.next()) {
        if (!record->is_packet) continue;
        if (std::string wrong = take(record->frame, packets); !wrong.empty()) {
          return one.file + ": " + wrong;
        }
      }
    }
  }
  return "";
}

std::string EngineRemains::check_files(const SessionPlan& session, ByLife& packets) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(session.name + "_") && entry.file_size() != 0) {
      paths.push_back(entry.path());
    }
  }
  // By the time of their names; the numbers begin anew with each engine.
  std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) {
    const auto key = [](const std::string& path) {
      return path.substr(path.size() - std::string("YYYYMMDDTHHMMSSZ.pcapng").size()) + path;
    };
    return key(a) < key(b);
  });
  auto batch = std::make_unique<PacketBatch>();
  std::map<std::uint32_t, std::uint64_t> last;
  for (const std::string& path : paths) {
    next_.clear();  // clocks jump: files of a series are in the order of their numbers only
    auto source = interface::CaptureFileSource::open({path});
    if (!source) return source.error().context;
    for (;;) {
      const auto pull = (*source)->next_batch(*batch, kBatchPacketsMax, std::chrono::seconds(1));
      if (pull != interface::Pull::Packets) break;
      std::string wrong;
      for (const Packet& packet : batch->view()) {
        if (wrong = take(packet.frame(), packets); !wrong.empty()) break;
      }
      (*source)->release(*batch);
      // A pcapng file has nothing by which it could tell what is not on the disk.
      if (!wrong.empty() && loses_power_) break;
      if (!wrong.empty()) return wrong.insert(0, path + ": ");
    }
  }
  return "";
}

std::string EngineRemains::compare(const std::string& what, std::uint64_t found,
                                   std::uint64_t written, const LifePlan& life,
                                   const LifeRecord::Written& record, bool survives_power) const {
  const std::string in = what + " in life " + std::to_string(life.number) + ": ";
  const std::string have =
      std::to_string(found) + " packets are there, " + std::to_string(written) + " were written";
  if (life.how == LifeEnd::Drain && record.exact && found != written) return in + have;
  // Power that is lost in a later life takes what an earlier one did not put on the disk.
  const bool power = std::any_of(plan_.lives.begin(), plan_.lives.end(), [&](const auto& one) {
    return one.how == LifeEnd::KillPower && one.number >= life.number;
  });
  if (found < written && (!power || survives_power)) return in + have;
  return "";
}

std::string EngineRemains::check() {
  for (std::size_t i = 0; i < plan_.sessions.size(); ++i) {
    const SessionPlan& session = plan_.sessions[i];
    ByLife in_store(plan_.lives.size());
    ByLife in_files(plan_.lives.size());
    std::string wrong = check_store(session, in_store);
    if (wrong.empty()) wrong = check_files(session, in_files);
    for (std::size_t life = 0; life < plan_.lives.size() && wrong.empty(); ++life) {
      const LifeRecord::Written& written = records_[life].written[i];
      wrong = compare("the store", in_store[life], written.store, plan_.lives[life], written,
                      session.durability == "chunk");
      if (wrong.empty()) {
        wrong =
            compare("the files", in_files[life], written.pcapng, plan_.lives[life], written, false);
      }
    }
    if (!wrong.empty()) return "session " + session.name + ": " + wrong;
  }
  return "";
}

}  // namespace weir::test

#include "simulation/store_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "simulation/segment_check.h"
#include "storage/segment/cut_segment.h"
#include "storage/segment/store_directory.h"
#include "storage/segment/verify.h"

namespace weir::test {

namespace segment = storage::segment;

namespace {

bool names(const std::vector<std::string>& texts, const std::string& file) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(file) != std::string::npos; });
}

bool write_file(const std::string& path, Bytes bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  return fd && ::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::string StoreCheck::put(const SimDisk::Image& image) const {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::filesystem::remove(entry.path());
  }
  for (const auto& [name, bytes] : image) {
    if (!write_file(directory_ + "/" + name, bytes)) return "cannot write " + directory_;
  }
  return "";
}

std::string StoreCheck::recover(output::RecoveryReport& report) {
  auto recovered = output::recover_store(directory_, clock_);
  if (!recovered) return "recovery: " + recovered.error().context;
  report = std::move(recovered).value();
  return "";
}

// A recovery that ended somewhere: what it wrote last is there in part.
std::string StoreCheck::interrupt_recovery(const SimDisk::Image& image) {
  output::RecoveryReport first;
  if (std::string wrong = recover(first); !wrong.empty()) return "first " + wrong;
  SimDisk::Image between = image;
  for (const output::RecoveredSegment& one : first.segments) {
    const auto before = between.find(one.name);
    if (before == between.end()) return "recovery of a segment that was not there";
    if (one.removed) {
      if (random_.chance(1, 2)) between.erase(before);
    } else if (random_.chance(3, 4)) {
      before->second = interrupted(one.name, before->second.size() - one.cut_bytes);
    }
  }
  return put(between);
}

std::vector<std::uint8_t> StoreCheck::interrupted(const std::string& name, std::uint64_t end) {
  std::ifstream file(directory_ + "/" + name, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto opened = segment::SegmentFile::open(directory_ + "/" + name);
  if (!opened) return bytes;
  const auto tail = opened->tail();
  if (!tail || !*tail) return bytes;
  const std::uint64_t tail_offset = (*tail)->directory.tail_offset;
  // The pages are on the disk before the tail is begun.
  const bool in_tail = random_.chance(1, 2);
  const std::uint64_t torn = in_tail ? tail_offset : end;
  bytes.resize(torn + random_.below((in_tail ? bytes.size() : tail_offset) - torn + 1));
  for (std::uint64_t sector = torn; sector + 512 <= bytes.size(); sector += 512) {
    if (random_.chance(1, 3))
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sector), 512, 0);
  }
  return bytes;
}

std::string StoreCheck::check_again(const output::RecoveryReport& report) const {
  const auto again = output::recover_store(directory_, clock_);
  if (!again) return "second recovery: " + again.error().context;
  if (!again->segments.empty()) {
    return "a second recovery finds something: " + output::text_of(again->segments.front());
  }
  if (again->damaged != report.damaged) return "a second recovery finds other damage";
  return "";
}

std::string StoreCheck::verify(const std::string& name) const {
  const auto report = segment::verify_segment(directory_ + "/" + name, {});
  if (!report) return name + ": " + report.error().context;
  if (report->state == segment::SegmentState::Sealed) return "";
  std::string text = name + " is " + std::string(segment::name_of(report->state));
  for (const segment::Finding& finding : report->findings) {
    text += "; byte " + std::to_string(finding.offset) + ": " + finding.what;
  }
  return text;
}

std::string StoreCheck::check_lane(std::size_t lane, const LanePromise& promise,
                                   const std::vector<bool>& kept) const {
  const std::string who = "lane " + std::to_string(lane) + ": ";
  for (const auto& [begin, end] : promise.kept) {
    for (std::uint64_t i = begin; i < end; ++i) {
      if (!kept[i]) {
        return who + "packet " + std::to_string(i) + " was acknowledged (" + std::to_string(begin) +
               " to " + std::to_string(end) + "), and is gone";
      }
    }
  }
  const auto packets = static_cast<std::uint64_t>(std::count(kept.begin(), kept.end(), true));
  if (packets < promise.at_least) {
    return who + std::to_string(packets) + " packets are there, and " +
           std::to_string(promise.at_least) + " were acknowledged";
  }
  if (promise.exactly && packets != *promise.exactly) {
    return who + std::to_string(packets) + " packets are there, and " +
           std::to_string(*promise.exactly) + " in the ledger";
  }
  return "";
}

std::string StoreCheck::check(const SimDisk::Image& image, const StorePromise& promise) {
  std::string wrong = put(image);
  if (wrong.empty() && random_.chance(1, 4)) wrong = interrupt_recovery(image);
  output::RecoveryReport report;
  if (wrong.empty()) wrong = recover(report);
  if (!wrong.empty()) return wrong;
  if (!promise.heads_may_be_torn && !report.damaged.empty()) return report.damaged.front();

  const auto listing = segment::list_store(directory_);
  if (!listing) return listing.error().context;
  if (!listing->spares.empty()) return "a spare is left";
  std::vector<std::vector<bool>> found;
  for (const LanePromise& lane : promise.lanes) found.emplace_back(lane.traffic->offered().size());
  std::vector<std::uint64_t> next(promise.lanes.size());
  for (const segment::StoredSegment& one : listing->segments) {
    ++found_.segments;
    if (names(report.damaged, one.file)) {
      ++found_.damaged;
      // Without a head nothing can be done for it.
      const bool headless = !segment::SegmentFile::open(directory_ + "/" + one.file).ok();
      if (headless || promise.middles_may_be_lost) continue;
      return one.file + " has a head, and is left alone";
    }
    if (wrong = verify(one.file); !wrong.empty() && !promise.middles_may_be_lost) return wrong;
    const auto file = segment::SegmentFile::open(directory_ + "/" + one.file);
    if (!file) return file.error().context;
    const std::uint32_t lane = one.name.lane;
    SegmentCheck segment(*file, *promise.lanes[lane].traffic, found[lane]);
    if (wrong = segment.check(next[lane]); !wrong.empty()) return one.file + ": " + wrong;
    found_.packets += segment.packets();
    found_.keys += segment.keys();
  }
  for (const output::RecoveredSegment& one : report.segments) {
    found_.sealed_by_recovery += one.removed ? 0 : 1;
  }
  for (std::size_t i = 0; i < promise.lanes.size(); ++i) {
    if (wrong = check_lane(i, promise.lanes[i], found[i]); !wrong.empty()) return wrong;
  }
  return check_again(report);
}

}  // namespace weir::test

#include "capture/retrieval/store_source.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "filter/pcap_compiler.h"
#include "storage/segment/store_directory.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

namespace {

// Segments that are left open between the survey and their turn, so that small stores are opened
// once.
constexpr std::size_t kKeptOpenMax = 32;
// A call plans so many segments before its caller can stop.
constexpr int kSegmentsPerCall = 16;
constexpr std::uint32_t kReadsPerThread = 3;

std::int64_t usual_cache_share() noexcept {
  constexpr std::int64_t kLeast = 256 * 1024 * 1024;
  const std::int64_t pages = ::sysconf(_SC_PHYS_PAGES);
  const std::int64_t page_bytes = ::sysconf(_SC_PAGESIZE);
  return std::max(kLeast, pages * page_bytes / 16);
}

// Of two chunks, whose next packet comes later.
bool comes_later(const std::unique_ptr<ChunkScan>& a,
                 const std::unique_ptr<ChunkScan>& b) noexcept {
  const auto place = [](const ChunkScan& chunk) {
    return std::tuple(chunk.packets[chunk.next].key, chunk.segment->rank, chunk.task.number);
  };
  return place(*a) > place(*b);
}

}  // namespace

StoreSource::StoreSource(StoreQuery query)
    : query_(std::move(query)),
      index_(IndexExpression::parse(query_.expression)),
      planner_(index_, query_.window, counts_),
      cache_share_(query_.cache_bytes.value_or(usual_cache_share())),
      pool_(query_.threads) {}

StoreSource::~StoreSource() { paces_.cancel(); }

Result<std::unique_ptr<StoreSource>> StoreSource::open(StoreQuery query) {
  std::unique_ptr<StoreSource> source(new StoreSource(std::move(query)));
  const std::string& id = source->query_.community_id;
  if (!id.empty()) {
    auto question = community_id_question(id);
    if (!question) {
      return Error{.code = ErrorCode::Usage,
                   .context = "--community-id " + id +
                              ": no Community ID (as in 1:LQU9qZlK+B5F3KDmev6m5PMibrg=)"};
    }
    source->index_.require(std::move(*question));
  }
  source->questions_.push_back(
      std::make_unique<PacketQuestion>(source->query_.expression, source->query_.scope, id));
  WEIR_CHECK(source->survey());
  WEIR_CHECK(source->try_expression());
  return source;
}

Result<void> StoreSource::survey() {
  for (const std::string& store : query_.stores) {
    if (segment::StoreLock::holder(store)) paces_.add(store);
  }
  if (paces_.any()) {
    planner_.stop_reading_ahead();
    pool_.yield();
  }
  for (const std::string& store : query_.stores) {
    WEIR_TRY(const segment::StoreListing listing, segment::list_store(store));
    const bool in_use = segment::StoreLock::holder(store).has_value();
    for (const segment::StoredSegment& one : listing.segments) {
      auto found =
          planner_.survey(store + (store.ends_with('/') ? "" : "/") + one.file,
                          {.in_use = in_use, .keep_open = surveyed_.size() < kKeptOpenMax});
      if (!found.wanted) continue;
      bytes_total_ += found.file_bytes;
      surveyed_.push_back(std::move(found));
    }
  }
  ranks_.resize(surveyed_.size());
  std::iota(ranks_.begin(), ranks_.end(), 0U);
  std::ranges::stable_sort(ranks_, {}, [&](std::uint32_t rank) { return surveyed_[rank].first; });
  return ok();
}

// Ethernet is tried first, and mostly there. Where libpcap refuses the expression for it, any other
// link type will do.
Result<void> StoreSource::try_expression() {
  PacketQuestion& question = *questions_.back();
  Result<void> tried = question.prepare(LinkType::Ethernet);
  if (tried) return ok();
  std::optional<Error> refusal;
  for (SurveyedSegment& found : surveyed_) {
    std::optional<segment::SegmentFile> opened;
    if (!found.file) {
      auto file = segment::SegmentFile::open(found.path);
      if (!file) continue;
      opened = std::move(*file);
    }
    const segment::SegmentFile& file = found.file ? *found.file : *opened;
    for (const CaptureInterface& interface : file.head().interfaces) {
      if (question.prepared(interface.link_type)) continue;
      auto compiled = question.prepare(interface.link_type);
      if (compiled) return ok();
      if (!refusal) refusal = compiled.error();
    }
  }
  return refusal ? std::move(*refusal) : std::move(tried).error();
}

void StoreSource::look_ahead() {
  while (!error_ && interfaces_.count() == 0 && next_surveyed_ < surveyed_.size()) {
    const std::uint32_t rank = ranks_[next_surveyed_++];
    if (auto planned = plan_segment(surveyed_[rank], rank); !planned) {
      error_ = std::move(planned).error();
    }
  }
}

interface::Pull StoreSource::next_batch(PacketBatch& batch, std::uint32_t packets_max,
                                        Duration timeout) {
  WEIR_ASSERT(!lent_);
  batch.count = 0;
  batch.side_blocks = {};
  batch.gap = {};
  segments_left_ = kSegmentsPerCall;
  while (!closed_) {
    if (error_) return interface::Pull::Failed;
    if (auto read = read_ahead(); !read) {
      error_ = std::move(read).error();
      continue;
    }
    take_scanned();
    const bool stuck = scanning_.empty() && answer_bytes_ >= kAnswerBytesMax;
    const std::uint32_t before = batch.count;
    give(batch, packets_max, stuck);
    if (batch.count == packets_max || (batch.count != 0 && batch.count == before)) break;
    if (batch.count != before) continue;
    if (!scanning_.empty()) {
      if (!pool_.wait(*scanning_.front(), timeout)) return interface::Pull::Idle;
    } else if (all_planned()) {
      if (scanned_.empty()) return end();
    } else if (segments_left_ == 0) {
      return interface::Pull::Idle;
    }
  }
  if (batch.count == 0) return interface::Pull::End;
  for (const Packet& packet : batch.view()) statistics_.received_bytes.add(packet.wire_bytes);
  statistics_.received.add(batch.count);
  statistics_.delivered.add(batch.count);
  counts_.packets_matched += batch.count;
  lent_ = true;
  return interface::Pull::Packets;
}

void StoreSource::release(PacketBatch& batch) {
  batch.count = 0;
  lent_ = false;
  for (auto& chunk : given_) {
    if (spare_.size() < std::size_t{kReadsPerThread} * query_.threads) {
      spare_.push_back(std::move(chunk));
    }
  }
  given_.clear();
}

interface::Pull StoreSource::end() {
  const Sentences& damaged = counts_.damaged;
  if (damaged.count() == 0) return interface::Pull::End;
  std::string what = damaged.kept().front();
  if (damaged.count() > 1) what += ", and " + std::to_string(damaged.count() - 1) + " more";
  error_ =
      Error{.code = ErrorCode::Damaged,
            .context = what + " (all that is good is in the answer; weir store verify says more)"};
  return interface::Pull::Failed;
}

// --- from segments to chunks

bool StoreSource::next_segment_is_due() const noexcept {
  if (next_surveyed_ == surveyed_.size() || open_.size() >= kOpenSegmentsMax) return false;
  return planned_.empty() || surveyed_[ranks_[next_surveyed_]].first <= planned_.front().first();
}

Result<void> StoreSource::read_ahead() {
  const std::size_t reads_max = std::size_t{kReadsPerThread} * query_.threads;
  for (;;) {
    const bool full = answer_bytes_ >= kAnswerBytesMax && !(scanning_.empty() && scanned_.empty());
    if (full || scanning_.size() >= reads_max) return ok();
    // Nobody waits for more: it would only fill the memory.
    if (scanned_.size() >= reads_max && can_give()) return ok();
    if (next_segment_is_due()) {
      if (segments_left_ == 0) return ok();
      --segments_left_;
      const std::uint32_t rank = ranks_[next_surveyed_++];
      WEIR_CHECK(plan_segment(surveyed_[rank], rank));
      continue;
    }
    if (planned_.empty()) return ok();
    submit_next();
  }
}

constexpr auto kPlannedLater = [](const auto& a, const auto& b) noexcept {
  return std::tuple(a.first(), a.segment->rank) > std::tuple(b.first(), b.segment->rank);
};

Result<void> StoreSource::plan_segment(SurveyedSegment& found, std::uint32_t rank) {
  auto planned = planner_.plan(found);
  std::uint64_t bytes = 0;
  if (planned) {
    for (const ChunkTask& task : planned->tasks) bytes += task.unit_bytes;
  }
  bytes_done_.add(found.file_bytes - std::min(found.file_bytes, bytes));
  if (!planned || planned->tasks.empty()) return ok();
  auto open = std::make_unique<OpenSegment>();
  open->file = std::move(planned->file);
  open->rank = rank;
  open->unread = static_cast<std::uint32_t>(planned->tasks.size());
  open->chunks = &SegmentPlanner::chunk_file(*open->file);
  open->cache_share = &cache_share_;
  open->pace = paces_.of(open->chunks->device());
  WEIR_CHECK(take_interfaces(*open));
  planned_.push_back({.segment = open.get(), .tasks = std::move(planned->tasks)});
  open_.push_back(std::move(open));
  std::ranges::push_heap(planned_, kPlannedLater);
  return ok();
}

// Equal interfaces of several segments are one in the answer.
Result<void> StoreSource::take_interfaces(OpenSegment& open) {
  for (const CaptureInterface& interface : open.file->head().interfaces) {
    std::uint32_t at = 0;
    while (at < interfaces_.count() && !(interfaces_.at({at}) == interface)) ++at;
    if (at == kInterfacesMax) {
      return Error{.code = ErrorCode::Resource,
                   .context = open.file->name() + ": more interfaces than weir keeps (65536)"};
    }
    if (at == interfaces_.count()) interfaces_.add(interface);
    open.interfaces.push_back({at});
    if (!questions_.back()->prepared(interface.link_type)) {
      // Threads are using the one before.
      questions_.push_back(questions_.back()->clone());
      if (auto compiled = questions_.back()->prepare(interface.link_type); !compiled) {
        counts_.notes.add("no packet of link type " + filter::link_type_name(interface.link_type) +
                          " matches: " + compiled.error().context);
      }
    }
    open.refused.push_back(questions_.back()->refused(interface.link_type));
  }
  open.question = questions_.back().get();
  return ok();
}

void StoreSource::submit_next() {
  std::ranges::pop_heap(planned_, kPlannedLater);
  Planned& planned = planned_.back();
  auto chunk = spare_.empty() ? std::make_unique<ChunkScan>() : std::move(spare_.back());
  if (!spare_.empty()) spare_.pop_back();
  chunk->segment = planned.segment;
  chunk->task = planned.tasks[planned.next++];
  chunk->window = query_.window;
  chunk->charged_bytes = chunk->task.unit_bytes;
  answer_bytes_ += chunk->charged_bytes;
  if (planned.next == planned.tasks.size()) {
    planned_.pop_back();
  } else {
    std::ranges::push_heap(planned_, kPlannedLater);
  }
  scanning_.push_back(std::move(chunk));
  pool_.submit(*scanning_.back());
}

// --- from chunks to packets

std::optional<Timestamp> StoreSource::unread_from() const noexcept {
  std::optional<Timestamp> from;
  const auto cover = [&from](Timestamp first) { from = from ? std::min(*from, first) : first; };
  if (!scanning_.empty()) cover(scanning_.front()->task.first);
  if (!planned_.empty()) cover(planned_.front().first());
  if (next_surveyed_ < surveyed_.size() && open_.size() < kOpenSegmentsMax) {
    cover(surveyed_[ranks_[next_surveyed_]].first);
  }
  return from;
}

bool StoreSource::can_give() const noexcept {
  if (scanned_.empty()) return false;
  const ChunkScan& first = *scanned_.front();
  const std::optional<Timestamp> unread = unread_from();
  return !unread || first.packets[first.next].key < *unread;
}

void StoreSource::take_scanned() {
  while (!scanning_.empty() && pool_.done(*scanning_.front())) {
    std::unique_ptr<ChunkScan> chunk = std::move(scanning_.front());
    scanning_.pop_front();
    ++counts_.chunks.read;
    counts_.chunk_bytes += chunk->task.unit_bytes;
    counts_.packets_examined += chunk->examined;
    counts_.packets_outside += chunk->outside;
    bytes_done_.add(chunk->task.unit_bytes);
    if (chunk->error) {
      counts_.damaged.add(chunk->error->context);
      counts_.packets_damaged +=
          chunk->task.packets - std::min<std::uint64_t>(chunk->task.packets, chunk->examined);
    }
    answer_bytes_ -= chunk->charged_bytes;
    if (chunk->packets.empty()) {
      leave_chunk(*chunk->segment);
      spare_.push_back(std::move(chunk));
      continue;
    }
    chunk->charged_bytes = chunk->bytes();
    answer_bytes_ += chunk->charged_bytes;
    scanned_.push_back(std::move(chunk));
    std::ranges::push_heap(scanned_, comes_later);
  }
}

// As many as are certain to be next (`in_any_case`: whether they are or not) and fit.
void StoreSource::give(PacketBatch& batch, std::uint32_t packets_max, bool in_any_case) {
  const std::optional<Timestamp> unread = unread_from();
  std::uint64_t bytes = 0;
  for (const Packet& packet : batch.view()) bytes += packet.captured_bytes + packet.options_bytes;
  while (batch.count < packets_max && !scanned_.empty()) {
    const ChunkScan& first = *scanned_.front();
    const FoundPacket& found = first.packets[first.next];
    if (!in_any_case && unread && found.key >= *unread) return;
    bytes += found.packet.captured_bytes + found.packet.options_bytes;
    if (batch.count != 0 && bytes > kBatchBytesMax) return;
    batch.packets[batch.count++] = found.packet;
    if (found.key < last_given_) ++counts_.packets_out_of_order;
    last_given_ = std::max(last_given_, found.key);
    std::ranges::pop_heap(scanned_, comes_later);
    std::unique_ptr<ChunkScan>& chunk = scanned_.back();
    if (++chunk->next < chunk->packets.size()) {
      std::ranges::push_heap(scanned_, comes_later);
      continue;
    }
    answer_bytes_ -= chunk->charged_bytes;
    leave_chunk(*chunk->segment);
    given_.push_back(std::move(chunk));
    scanned_.pop_back();
  }
}

// A segment whose chunks have all been read is closed.
void StoreSource::leave_chunk(OpenSegment& segment) {
  if (--segment.unread > 0) return;
  std::erase_if(open_, [&](const auto& open) { return open.get() == &segment; });
}

QueryCounts StoreSource::counts() const {
  QueryCounts counts = counts_;
  const std::uint64_t bytes = planner_.bytes_read();
  counts.index_bytes = bytes - std::min(bytes, counts.chunk_bytes);
  counts.pace = paces_.report();
  return counts;
}

}  // namespace weir::capture::retrieval

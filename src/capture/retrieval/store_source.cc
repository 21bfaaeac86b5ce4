#include "capture/retrieval/store_source.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <ranges>
#include <set>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "filter/pcap_compiler.h"
#include "storage/segment/expired_log.h"
#include "storage/segment/store_directory.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

namespace {

// Segments that are left open between the survey and their turn, so that small stores are opened
// once.
constexpr std::size_t kKeptOpenMax = 32;
// A call plans so many segments before its caller can stop.
constexpr int kSegmentsPerCall = 16;
// And so many chunks without a match are read.
constexpr int kChunksPerCall = 64;
constexpr std::uint32_t kReadsPerThread = 3;

std::string path_in(const std::string& store, const std::string& file) {
  return store + (store.ends_with('/') ? "" : "/") + file;
}

Result<void> check_is_store(const std::string& store, const segment::StoreListing& listing) {
  if (!listing.segments.empty() || segment::is_store(store)) return ok();
  return Error{.code = ErrorCode::NotFound,
               .context = "store " + store + ": is none: there are no segments in it (name the " +
                          "directory that --store was given)"};
}

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

// What a uid cannot tell.
void add_uid_notes(QueryCounts& counts) {
  const auto chunks = [](std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " chunk" : " chunks");
  };
  if (counts.chunks_without_uids != 0 && counts.chunks_with_uids == 0) {
    counts.notes.add(
        "the index has no uids here: the store was written without --logs, or is still being "
        "written (ask for the flow by --community-id and its time)");
  } else if (counts.chunks_without_uids != 0) {
    counts.notes.add("of " + chunks(counts.chunks_without_uids) +
                     " of the asked time the index has no uids: they were not searched "
                     "(--community-id and the time of the flow find packets there)");
  }
  if (counts.chunks_of_two_flows != 0) {
    counts.notes.add("another flow of the same addresses and ports is in " +
                     chunks(counts.chunks_of_two_flows) +
                     " of this one: its packets there are in the answer too");
  }
}

}  // namespace

StoreSource::StoreSource(StoreQuery query)
    : query_(std::move(query)),
      index_(IndexExpression::parse(query_.expression)),
      survey_(index_, query_.window, query_.threads, bytes_read_),
      planner_(index_, query_.window, counts_, bytes_read_),
      notes_(query_.window),
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
  const std::string& uid = source->query_.uid;
  if (!uid.empty()) {
    auto question = uid_question(uid);
    if (!question) {
      return Error{.code = ErrorCode::Usage,
                   .context = "--uid " + uid + ": no uid (as conn.log has them: C and 17 letters " +
                              "and digits, as in C0hC3VDzJSe9kNcv9a)"};
    }
    source->index_.require(std::move(*question));
  }
  for (KeyQuestion& question : tenant_questions(source->query_.tenant)) {
    source->index_.require(std::move(question));
  }
  source->questions_.push_back(std::make_unique<PacketQuestion>(
      source->query_.expression, source->query_.scope,
      PacketConditions{
          .community_id = id, .of_named_flows = !uid.empty(), .tenant = source->query_.tenant}));
  WEIR_CHECK(source->survey());
  WEIR_CHECK(source->try_expression());
  return source;
}

Result<void> StoreSource::survey() {
  for (const std::string& store : query_.stores) {
    if (segment::StoreLock::holder(store)) paces_.add(store);
  }
  if (paces_.any()) {
    survey_.stop_reading_ahead();
    planner_.stop_reading_ahead();
    pool_.yield();
  }
  for (const std::string& store : query_.stores) {
    WEIR_TRY(const segment::StoreListing listing, segment::list_store(store));
    WEIR_CHECK(check_is_store(store, listing));
    const bool in_use = segment::StoreLock::holder(store).has_value();
    std::vector<SegmentSurvey::Place> places;
    std::vector<bool> gone;
    for (std::size_t at = 0; at < listing.segments.size();) {
      if (query_.stop != nullptr && query_.stop->load(std::memory_order_relaxed)) {
        return Error{.code = ErrorCode::Closed, .context = "the query was ended"};
      }
      places.clear();
      for (; at < listing.segments.size() && places.size() < SegmentSurvey::kAtATime; ++at) {
        const bool keep_open = surveyed_.size() + places.size() < kKeptOpenMax;
        places.push_back({.path = path_in(store, listing.segments[at].file),
                          .look = {.in_use = in_use, .keep_open = keep_open}});
      }
      for (SurveyedSegment& found : survey_.look(places, counts_)) {
        gone.push_back(found.gone);
        take_surveyed(std::move(found));
      }
    }
    // Last: what was deleted before the segments were listed, or since, is in it by now.
    count_expired(store, listing, gone);
  }
  ranks_.resize(surveyed_.size());
  std::iota(ranks_.begin(), ranks_.end(), 0U);
  std::ranges::stable_sort(ranks_, {}, [&](std::uint32_t rank) { return surveyed_[rank].first; });
  return ok();
}

void StoreSource::take_surveyed(SurveyedSegment found) {
  // Other tools refuse a capture without an interface, also where it has no packets.
  if (interfaces_.count() == 0) {
    for (const CaptureInterface& interface : found.interfaces) take_interface(interface);
  }
  found.interfaces = {};
  if (!found.wanted) return;
  bytes_total_ += found.file_bytes;
  surveyed_.push_back(std::move(found));
}

// A record is there before its segment is deleted.
void StoreSource::count_expired(const std::string& store, const segment::StoreListing& listing,
                                const std::vector<bool>& gone) {
  const auto known = segment::read_expired(store);
  if (!known) {
    ++counts_.expired.unknown;
    counts_.notes.add(known.error().context);
    return;
  }
  counts_.expired.unknown += known->unknown;
  std::set<std::pair<std::uint64_t, std::int64_t>> there;  // by number, and when it was begun
  for (std::size_t i = 0; i < listing.segments.size(); ++i) {
    const segment::SegmentName& name = listing.segments[i].name;
    if (!gone[i]) there.emplace(name.sequence, name.begun.ns);
  }
  // Of two records of a segment the later one counts: the first came before a deletion that failed.
  for (const segment::ExpiredRecord& record : std::ranges::reverse_view(known->records)) {
    const bool one = record.segments == 1;
    if (one && !there.emplace(record.name.sequence, record.name.begun.ns).second) continue;
    counts_.expired.add(record, query_.window);
    const bool certain = record.counted && query_.window.covers(record.times);
    if (record.lost != 0 && certain) counts_.lost.add(record.lost, record.times);
  }
}

// Segments that the survey found, and that were not there any more when they were to be read.
void StoreSource::count_deleted_meanwhile() {
  if (gone_.empty()) return;
  const std::set<std::string> gone(gone_.begin(), gone_.end());
  for (const std::string& store : query_.stores) {
    const auto known = segment::read_expired(store);
    if (!known) continue;
    std::set<std::string> told;
    for (const segment::ExpiredRecord& record : std::ranges::reverse_view(known->records)) {
      const std::string path = path_in(store, segment::segment_file_name(record.name));
      if (record.segments != 1 || !gone.contains(path) || !told.insert(path).second) continue;
      counts_.expired.add(record, query_.window);
    }
  }
  gone_.clear();
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
  chunks_left_ = kChunksPerCall;
  if (!std::exchange(begun_, true)) {
    if (const auto blocks = notes_.opening(counts_); !blocks.empty()) return lend(batch, blocks);
  }
  while (!closed_) {
    if (error_) return interface::Pull::Failed;
    if (auto read = read_ahead(); !read) {
      error_ = std::move(read).error();
      continue;
    }
    take_scanned();
    const bool stuck = scanning_.empty() && answer_bytes_ >= query_.answer_bytes_max;
    const std::uint32_t before = batch.count;
    give(batch, packets_max, stuck);
    if (batch.count == packets_max || (batch.count != 0 && batch.count == before)) break;
    if (batch.count != before) continue;
    if (chunks_left_ <= 0) return interface::Pull::Idle;
    if (!scanning_.empty()) {
      if (!pool_.wait(*scanning_.front(), timeout)) return interface::Pull::Idle;
    } else if (all_planned()) {
      if (scanned_.empty()) return end(batch);
    } else if (segments_left_ == 0) {
      return interface::Pull::Idle;
    }
  }
  if (batch.count == 0) return end(batch);
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
  notes_.release();
}

interface::Pull StoreSource::lend(PacketBatch& batch, std::span<const SideBlock> blocks) {
  batch.side_blocks = blocks;
  lent_ = true;
  return interface::Pull::Packets;
}

interface::Pull StoreSource::end(PacketBatch& batch) {
  if (!std::exchange(ended_, true)) {
    count_deleted_meanwhile();
    const AnswerNotes::End end{.interfaces = interfaces_.count(),
                               .last = std::max(last_given_, Timestamp{}),
                               .cut_short = closed_};
    if (const auto blocks = notes_.closing(counts_, end); !blocks.empty()) {
      return lend(batch, blocks);
    }
  }
  if (closed_) return interface::Pull::End;
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
    const bool full =
        answer_bytes_ >= query_.answer_bytes_max && !(scanning_.empty() && scanned_.empty());
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
  if (found.gone) gone_.push_back(found.path);
  std::uint64_t bytes = 0;
  if (planned) {
    for (const ChunkTask& task : planned->tasks) bytes += task.unit_bytes;
  }
  bytes_done_.add(found.file_bytes - std::min(found.file_bytes, bytes));
  if (!planned || planned->tasks.empty()) return ok();
  auto open = std::make_unique<OpenSegment>();
  open->file = std::move(planned->file);
  open->flows = std::move(planned->flows);
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

// Its place in the answer. Equal interfaces of several segments are one in it.
std::uint32_t StoreSource::take_interface(const CaptureInterface& interface) {
  std::uint32_t at = 0;
  while (at < interfaces_.count() && !(interfaces_.at({at}) == interface)) ++at;
  if (at == interfaces_.count() && at < kInterfacesMax) interfaces_.add(interface);
  return at;
}

Result<void> StoreSource::take_interfaces(OpenSegment& open) {
  for (const CaptureInterface& interface : open.file->head().interfaces) {
    const std::uint32_t at = take_interface(interface);
    if (at == kInterfacesMax) {
      return Error{.code = ErrorCode::Resource,
                   .context = open.file->name() + ": more interfaces than weir keeps (65536)"};
    }
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
    --chunks_left_;
    counts_.chunk_bytes += chunk->task.unit_bytes;
    counts_.packets_examined += chunk->examined;
    counts_.packets_outside += chunk->outside;
    bytes_done_.add(chunk->task.unit_bytes);
    if (chunk->error) {
      const std::uint64_t packets =
          chunk->task.packets - std::min<std::uint64_t>(chunk->task.packets, chunk->examined);
      counts_.damaged.add(chunk->error->context);
      counts_.packets_damaged += packets;
      notes_.tell_damage(chunk->task.first, chunk->error->context, packets);
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
    const bool noted = notes_.due(found.key);
    const Packet packet = noted ? notes_.with_comment(found.packet, found.key) : found.packet;
    bytes += packet.captured_bytes + packet.options_bytes;
    if (batch.count != 0 && bytes > kBatchBytesMax) return;
    batch.packets[batch.count++] = packet;
    if (noted) notes_.told(found.key);
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
  const std::uint64_t bytes = bytes_read_.load();
  counts.index_bytes = bytes - std::min(bytes, counts.chunk_bytes);
  counts.pace = paces_.report();
  add_uid_notes(counts);
  return counts;
}

}  // namespace weir::capture::retrieval

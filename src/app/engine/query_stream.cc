#include "app/engine/query_stream.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace weir::app {
namespace {

using control::StreamWriter;

// What is ready goes out in pieces of this size.
constexpr std::size_t kPieceBytes = 128 * 1024;
constexpr Duration kPatience = std::chrono::milliseconds(100);

}  // namespace

QueryStream::QueryStream(std::shared_ptr<QueryEntry> entry,
                         std::unique_ptr<capture::retrieval::StoreSource> source,
                         QueryWatcher& watcher, const Clock& clock, MonotonicTime began)
    : entry_(std::move(entry)),
      source_(std::move(source)),
      watcher_(watcher),
      clock_(clock),
      began_(began),
      packets_max_(entry_->status().limit),
      encoder_(storage::pcapng::local_identity()),
      batch_(std::make_unique<PacketBatch>()),
      buffer_(kPieceBytes + output::kWindowSlackBytes) {
  verdicts_.wanted.fill(1);
}

QueryStream::~QueryStream() {
  if (!ran_) {
    watcher_.query_dropped(*entry_);
  } else if (source_ != nullptr) {  // run() was left by an exception
    error_ = "out of memory";
    end(QueryState::Failed);
  }
}

control::HttpStream::Ending QueryStream::run(StreamWriter& out) {
  ran_ = true;
  entry_->run(*source_);
  watcher_.query_runs(*entry_);
  const QueryState state = answer(out);
  end(state);
  return state == QueryState::Done ? Ending::Whole : Ending::Cut;
}

QueryState QueryStream::answer(StreamWriter& out) {
  // As every output, the answer names all interfaces, also those without a packet.
  const auto describe_interfaces = [&] {
    batch_->count = 0;
    encoder_.begin(*batch_, source_->interfaces(), verdicts_, 1);
    return encode(out);
  };
  for (;;) {
    std::uint64_t wanted = kBatchPacketsMax;
    if (packets_max_ != 0) wanted = std::min(wanted, packets_max_ - packets_);
    if (wanted == 0) {
      limited_ = true;
      return finish(out);
    }
    switch (source_->next_batch(*batch_, static_cast<std::uint32_t>(wanted), kPatience)) {
      case interface::Pull::Packets:
        if (!take(out)) return interrupted();
        break;
      case interface::Pull::Idle:
        if (!flush(out)) return interrupted();
        break;
      case interface::Pull::End:
        return describe_interfaces() ? finish(out) : interrupted();
      case interface::Pull::Failed:
        if (!describe_interfaces() || !flush(out)) return interrupted();
        error_ = source_->error()->context;
        return QueryState::Failed;
    }
    // Nothing may match for long: whether somebody is still there has to be asked.
    if (out.wait(-1, Duration::zero()) == StreamWriter::Wake::Gone) return interrupted();
  }
}

QueryState QueryStream::finish(StreamWriter& out) {
  encoder_.begin_empty();
  if (!encode(out) || !flush(out)) return interrupted();
  return QueryState::Done;
}

QueryState QueryStream::interrupted() {
  const std::string who = entry_->cancelled_by();
  if (who.empty()) {
    error_ = "its client is gone, or has taken nothing for too long";
    return QueryState::ClientGone;
  }
  error_ = "cancelled by " + who;
  return QueryState::Cancelled;
}

bool QueryStream::take(StreamWriter& out) {
  std::uint64_t bytes = 0;
  for (const Packet& packet : batch_->view()) bytes += packet.wire_bytes;
  const std::uint32_t count = batch_->count;
  encoder_.begin(*batch_, source_->interfaces(), verdicts_, 1);
  const bool taken = encode(out);
  source_->release(*batch_);
  if (!taken) return false;
  packets_ += count;
  entry_->count(count, bytes);
  watcher_.query_sent(count, bytes);
  return true;
}

bool QueryStream::encode(StreamWriter& out) {
  for (;;) {
    output::Window window{.at = buffer_.data() + filled_, .end = buffer_.data() + kPieceBytes};
    const output::Fill fill = encoder_.fill(window);
    filled_ = static_cast<std::size_t>(window.at - buffer_.data());
    if (fill == output::Fill::Done && filled_ < kPieceBytes) return true;
    if (!flush(out)) return false;
    if (fill == output::Fill::Done) return true;
  }
}

bool QueryStream::flush(StreamWriter& out) {
  const void* const bytes = buffer_.data();
  const bool sent = out.write({static_cast<const char*>(bytes), filled_});
  filled_ = 0;
  return sent;
}

void QueryStream::end(QueryState state) {
  QueryOutcome outcome{.state = state,
                       .counts = source_->counts(),
                       .limited = limited_,
                       .error = error_,
                       .ended = clock_.wall()};
  entry_->end(outcome);
  // Its memory goes before the next query may begin.
  source_.reset();
  watcher_.query_ended(*entry_, clock_.monotonic() - began_);
}

}  // namespace weir::app

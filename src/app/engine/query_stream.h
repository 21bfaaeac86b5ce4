// The answer to a query of the API: what its stores have, as pcapng, as fast as the client takes
// it. While the client takes nothing, nothing is read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/engine/query_entry.h"
#include "base/clock.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "capture/retrieval/store_source.h"
#include "control/http_stream.h"
#include "output/pcapng_encoder.h"

namespace weir::app {

// Told by the query's own thread.
class QueryWatcher {
 public:
  virtual ~QueryWatcher() = default;
  virtual void query_runs(const QueryEntry& query) = 0;
  virtual void query_sent(std::uint64_t packets, std::uint64_t bytes) noexcept = 0;
  virtual void query_ended(const QueryEntry& query, Duration took) = 0;
  // Without having run: there was no thread for it.
  virtual void query_dropped(const QueryEntry& query) = 0;
};

// Memory: the source's, and about half a megabyte.
class QueryStream final : public control::HttpStream {
 public:
  // The watcher and the clock are borrowed. `began`: when it was asked.
  QueryStream(std::shared_ptr<QueryEntry> entry,
              std::unique_ptr<capture::retrieval::StoreSource> source, QueryWatcher& watcher,
              const Clock& clock, MonotonicTime began);
  ~QueryStream() override;

  Ending run(control::StreamWriter& out) override;
  [[nodiscard]] int end_fd() const noexcept override { return entry_->end_fd(); }

 private:
  QueryState answer(control::StreamWriter& out);
  QueryState finish(control::StreamWriter& out);
  [[nodiscard]] QueryState interrupted();
  bool take(control::StreamWriter& out);
  bool encode(control::StreamWriter& out);
  bool flush(control::StreamWriter& out);
  void end(QueryState state);

  const std::shared_ptr<QueryEntry> entry_;
  std::unique_ptr<capture::retrieval::StoreSource> source_;  // gone once the query has ended
  QueryWatcher& watcher_;
  const Clock& clock_;
  const MonotonicTime began_;
  const std::uint64_t packets_max_;
  output::PcapngEncoder encoder_;
  const std::unique_ptr<PacketBatch> batch_;
  Verdicts verdicts_;
  std::vector<std::uint8_t> buffer_;
  std::size_t filled_ = 0;
  std::uint64_t packets_ = 0;
  bool limited_ = false;
  bool ran_ = false;
  std::string error_;
};

}  // namespace weir::app

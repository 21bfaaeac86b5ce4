// Something that listens where an engine would, and answers what a test tells it to: also what no
// engine ever should.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "support/temp_dir.h"

namespace weir::test {

struct SeenRequest {
  std::string line;  // "GET /v1/status"
  std::string head;  // with the line
  std::string body;
};

class FakeEngine {
 public:
  FakeEngine();
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  [[nodiscard]] std::string socket() const { return directory_.file("weir.sock"); }
  // `request` is "GET /v1/status", without its query; `raw` goes out as it is.
  void answer(const std::string& request, std::string raw);
  // The same, but the connection stays open afterwards.
  void answer_and_hold(const std::string& request, std::string raw);
  [[nodiscard]] std::vector<SeenRequest> seen() const;
  [[nodiscard]] SeenRequest last() const;
  // Returns once so many requests have come.
  void wait_for(std::size_t requests);

 private:
  struct Answer {
    std::string raw;
    bool hold = false;
  };
  void serve();
  void talk(UniqueFd connection);

  TempDir directory_;
  UniqueFd listener_;
  UniqueFd stop_;
  mutable std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::condition_variable came_;
  std::vector<SeenRequest> seen_;
  std::vector<UniqueFd> held_;
  std::thread thread_;
};

// A whole answer; `headers` are lines with their ends.
std::string http(int status, const std::string& type, const std::string& body,
                 const std::string& headers = "");
std::string json_answer(const std::string& body);
std::string problem_answer(int status, const std::string& code, const std::string& detail);
// The head of an answer in chunks, a chunk, and the end of all.
std::string chunked_head(const std::string& type);
std::string chunk(const std::string& bytes);
inline const char* const kLastChunk = "0\r\n\r\n";

}  // namespace weir::test

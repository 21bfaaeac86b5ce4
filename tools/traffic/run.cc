#include "run.h"

#include <cerrno>
#include <cstdio>

#include "summary.h"

namespace weir::traffic {
namespace {

Result<void> write_text(const std::string& path, const std::string& text) {
  const bool to_stdout = path == "-";
  std::FILE* file = to_stdout ? stdout : std::fopen(path.c_str(), "we");
  if (file == nullptr) return system_error(errno, "open " + path + " for writing");
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = (to_stdout ? std::fflush(file) : std::fclose(file)) == 0 && good;
  if (!good) return system_error(errno, "write " + path);
  return ok();
}

}  // namespace

Result<std::string> run(const Options& options) {
  WEIR_TRY(CaptureWriter writer, CaptureWriter::open(options.output, options.writer));
  Recorder recorder(writer, options.writer.snaplen, options.generator.packets);
  Generator generator(options.generator, writer, recorder);
  generator.run();
  const std::uint64_t file_bytes = writer.file_bytes();
  WEIR_CHECK(writer.finish());
  const SummaryFacts facts{
      options.generator,  recorder.totals(),       recorder.truth(),       file_bytes,
      generator.places(), generator.flows_begun(), generator.flows_ended()};
  if (!options.summary.empty()) WEIR_CHECK(write_text(options.summary, summary_json(facts)));
  return summary_line(facts);
}

}  // namespace weir::traffic

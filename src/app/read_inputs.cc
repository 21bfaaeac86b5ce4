#include "app/read_inputs.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "interface/capture_file.h"
#include "interface/source_chain.h"
#include "storage/segment/store_directory.h"

namespace weir::app {
namespace {

using capture::retrieval::StoreSource;

std::optional<struct stat> facts_of(const std::string& path) {
  struct stat facts {};
  if (path == "-" || ::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

bool is_directory(const std::string& path) {
  const auto facts = facts_of(path);
  return facts && S_ISDIR(facts->st_mode);
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Opening an output empties it: it must not be one of the inputs.
Result<void> check_file(const char* option, const std::string& path,
                        const std::vector<std::string>& inputs) {
  if (path.empty() || path == "-") return ok();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const auto output = facts_of(path);
  const auto beside = facts_of(folder.empty() ? "." : folder);
  for (const std::string& name : inputs) {
    const auto input = facts_of(name);
    if (!input) continue;
    if (output && S_ISREG(output->st_mode) && same(*input, *output)) {
      return Error{
          .code = ErrorCode::Usage,
          .context = std::string(option) + " " + path + ": is also an input (name another file)"};
    }
    if (beside && S_ISDIR(input->st_mode) && same(*input, *beside)) {
      return Error{.code = ErrorCode::Usage,
                   .context = std::string(option) + " " + path +
                              ": lies in a store that is read (name another directory)"};
    }
  }
  return ok();
}

Result<void> check_directory(const char* option, const std::string& path,
                             const std::vector<std::string>& inputs) {
  const auto output = path.empty() ? std::nullopt : facts_of(path);
  if (!output) return ok();
  for (const std::string& name : inputs) {
    const auto input = facts_of(name);
    if (input && S_ISDIR(input->st_mode) && same(*input, *output)) {
      return Error{.code = ErrorCode::Usage,
                   .context = std::string(option) + " " + path +
                              ": is the store that is read (name another directory)"};
    }
  }
  return ok();
}

Result<std::unique_ptr<interface::Source>> open_files(const std::vector<std::string>& names,
                                                      bool first) {
  WEIR_TRY(auto source, interface::CaptureFileSource::open(names));
  // A pipe is not waited for: what its packets come from is seen, and the filter tried, when they
  // come.
  if (first) source->look_ahead(Duration(0));
  return std::unique_ptr<interface::Source>(std::move(source));
}

}  // namespace

Result<ReadInputs> open_read_inputs(const std::vector<std::string>& names) {
  if (std::ranges::count(names, "-") > 1) {
    return Error{.code = ErrorCode::Usage,
                 .context = "read standard input: named twice (it can be read once)"};
  }
  for (const std::string& name : names) {
    if (is_directory(name) && !storage::segment::is_store(name)) {
      return Error{.code = ErrorCode::UnknownFormat,
                   .context = "read " + name +
                              ": it is a directory, and no store of packets (name the capture "
                              "files in it)"};
    }
  }
  ReadInputs inputs;
  std::vector<std::unique_ptr<interface::Source>> parts;
  for (auto begin = names.begin(); begin != names.end();) {
    const bool stores = is_directory(*begin);
    const auto end = std::find_if(
        begin, names.end(), [&](const std::string& name) { return is_directory(name) != stores; });
    const std::vector<std::string> part(begin, end);
    begin = end;
    if (!stores) {
      WEIR_TRY(auto source, open_files(part, parts.empty()));
      parts.push_back(std::move(source));
      continue;
    }
    WEIR_TRY(auto source, StoreSource::open({.stores = part}));
    if (parts.empty()) source->look_ahead();
    inputs.stores.push_back(source.get());
    parts.push_back(std::move(source));
  }
  inputs.source = parts.size() == 1 ? std::move(parts.front())
                                    : std::make_unique<interface::SourceChain>(std::move(parts));
  return inputs;
}

Result<void> check_read_outputs(const ReadOptions& options) {
  const PipelineOptions& pipeline = options.pipeline;
  for (const std::string& path : pipeline.write_paths) {
    WEIR_CHECK(check_file("-w", path, options.files));
  }
  WEIR_CHECK(check_file("--stats-json", pipeline.stats_path, options.files));
  for (const std::string& path : pipeline.store.paths) {
    WEIR_CHECK(check_directory("--store", path, options.files));
  }
  WEIR_CHECK(check_directory("--spill", pipeline.spill.path, options.files));
  return check_directory("--logs", pipeline.analysis.logs_path, options.files);
}

}  // namespace weir::app

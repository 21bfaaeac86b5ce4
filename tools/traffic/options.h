// The command line of weir-traffic.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "capture_writer.h"
#include "generator.h"

namespace weir::traffic {

struct Options {
  GeneratorOptions generator;
  WriterOptions writer;
  std::string output;   // -w
  std::string summary;  // empty: none
  bool help = false;
};

Result<Options> parse_options(std::span<const char* const> arguments);
std::string help_text();

}  // namespace weir::traffic

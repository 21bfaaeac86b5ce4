#include "options.h"

#include <gtest/gtest.h>

#include "run.h"
#include "support/command.h"

namespace weir::traffic {
namespace {

Result<Options> parse(const std::vector<const char*>& words) { return parse_options(words); }

TEST(Options, SizesHaveUnits) {
  const auto options = parse({"--bytes", "2GiB", "-w", "x"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->generator.file_bytes, std::uint64_t{2} << 30);
}

TEST(Options, WhatIsWrongIsNamed) {
  struct Row {
    std::vector<const char*> words;
    const char* says;
  };
  for (const Row& row : {
           Row{{"--packets", "10"}, "no output"},
           Row{{"-w", "x"}, "the size is not stated"},
           Row{{"-w", "x", "--packets", "1", "--bytes", "1"}, "the size is not stated once"},
           Row{{"-w", "x", "--packets", "ten"}, "--packets ten: not a number"},
           Row{{"-w", "x", "--packets", "5000", "--mix", "nope"}, "no such mix"},
           Row{{"-w", "x", "--packets", "5"}, "--needle-packets 100: more than --packets 5"},
           Row{{"-w", "x", "--pakets", "5"}, "--pakets: no such option"},
           Row{{"-w"}, "-w: no value"},
           Row{{"-w", "x", "--packets", "500", "--format", "erf"}, "not a format"},
           Row{{"-w", "-", "--packets", "500", "--summary", "-"}, "--summary -"},
       }) {
    const auto options = parse(row.words);
    ASSERT_FALSE(options.ok()) << row.says;
    EXPECT_EQ(options.error().code, ErrorCode::Usage);
    EXPECT_NE(options.error().context.find(row.says), std::string::npos) << options.error().context;
  }
}

TEST(Run, AFileThatCannotBeWrittenIsAnError) {
  const auto missing = parse({"-w", "/nonexistent/x", "--packets", "1000"});
  ASSERT_TRUE(missing.ok());
  const auto refused = run(*missing);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::NotFound);

  const auto full = parse({"-w", "/dev/full", "--packets", "1000"});
  ASSERT_TRUE(full.ok());
  const auto failed = run(*full);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::NoSpace);
}

}  // namespace
}  // namespace weir::traffic

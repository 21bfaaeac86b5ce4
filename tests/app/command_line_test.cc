#include "app/command_line.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), "weir");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <typename T>
T expect(Command command) {
  if (auto* wanted = std::get_if<T>(&command)) return std::move(*wanted);
  const auto* message = std::get_if<PrintAndExit>(&command);
  ADD_FAILURE() << "another kind of command: " << (message != nullptr ? message->text : "");
  return T{};
}

PrintAndExit refused(std::vector<const char*> words) {
  auto message = expect<PrintAndExit>(parse(std::move(words)));
  EXPECT_EQ(message.status, 2) << message.text;
  EXPECT_TRUE(message.to_stderr);
  EXPECT_EQ(message.text.rfind("weir: ", 0), 0u) << message.text;
  return message;
}

TEST(CommandLine, ReadTakesFilesAndATrailingExpression) {
  const auto options = expect<ReadOptions>(
      parse({"read", "a.pcap", "b.pcapng.zst", "-w", "out.pcapng", "tcp", "port", "80"}));
  EXPECT_EQ(options.files, (std::vector<std::string>{"a.pcap", "b.pcapng.zst"}));
  EXPECT_EQ(options.pipeline.filter, "tcp port 80");
  EXPECT_EQ(options.pipeline.write_paths, std::vector<std::string>{"out.pcapng"});
  EXPECT_EQ(options.pipeline.scope, filter::Scope::Frame);
}

TEST(CommandLine, ReadTakesAllItsOptions) {
  const auto options = expect<ReadOptions>(
      parse({"read", "-", "-f", "udp", "--inner", "-c", "5", "-w", "-", "--stats-json", "s.json"}));
  EXPECT_EQ(options.files, std::vector<std::string>{"-"});
  EXPECT_EQ(options.pipeline.scope, filter::Scope::Innermost);
  EXPECT_EQ(options.pipeline.accepted_max, 5u);
  EXPECT_EQ(options.pipeline.write_paths, std::vector<std::string>{"-"});
  EXPECT_EQ(options.pipeline.stats_path, "s.json");
}

TEST(CommandLine, PolicyTakesADocumentAndAKey) {
  using What = PolicyOptions::What;
  const auto sign = expect<PolicyOptions>(parse({"policy", "sign", "p.toml", "--key", "p.key"}));
  EXPECT_EQ(sign.what, What::Sign);
  EXPECT_EQ(sign.file, "p.toml");
  EXPECT_EQ(sign.key, "p.key");
  const auto verify =
      expect<PolicyOptions>(parse({"policy", "verify", "p.toml", "--pub", "p.pub"}));
  EXPECT_EQ(verify.what, What::Verify);
  EXPECT_EQ(verify.key, "p.pub");
  EXPECT_EQ(expect<PolicyOptions>(parse({"policy", "keygen", "p"})).what, What::Keygen);
  EXPECT_EQ(expect<PolicyOptions>(parse({"policy", "check", "p.toml"})).what, What::Check);
  EXPECT_NE(refused({"policy", "sign", "p.toml"}).text.find("--key"), std::string::npos);
  EXPECT_NE(refused({"policy"}).text.find("(see weir policy --help)"), std::string::npos);
}

TEST(CommandLine, CaptureTakesAllItsOptions) {
  const auto options = expect<CaptureOptions>(
      parse({"capture", "-i", "eth0", "-f", "ip6", "-w", "x.pcapng", "-c", "10", "--duration",
             "1.5s", "--snaplen", "96", "--ready-fd", "3"}));
  EXPECT_EQ(options.interfaces, std::vector<std::string>{"eth0"});
  EXPECT_EQ(options.snaplen, 96u);
  EXPECT_EQ(options.duration, Duration(1'500'000'000));
  EXPECT_EQ(options.ready_fd, 3);
  EXPECT_EQ(options.pipeline.accepted_max, 10u);
}

TEST(CommandLine, CaptureTakesATrailingExpression) {
  const auto options =
      expect<CaptureOptions>(parse({"capture", "-i", "lo", "host", "10.0.0.1", "and", "tcp"}));
  EXPECT_EQ(options.pipeline.filter, "host 10.0.0.1 and tcp");
}

TEST(CommandLine, CaptureTakesSeveralInterfacesOutputsAndWorkers) {
  const auto options =
      expect<CaptureOptions>(parse({"capture", "-i", "eth0", "-i", "eth1", "--workers", "4", "-w",
                                    "x.pcapng", "-w", "-", "--direction", "in", "udp"}));
  EXPECT_EQ(options.interfaces, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(options.workers, 4u);
  EXPECT_EQ(options.pipeline.write_paths, (std::vector<std::string>{"x.pcapng", "-"}));
  EXPECT_EQ(options.direction, interface::Direction::In);
  EXPECT_EQ(options.pipeline.filter, "udp");
  EXPECT_FALSE(options.rotation.any());
}

TEST(CommandLine, CaptureTakesRotation) {
  const auto options =
      expect<CaptureOptions>(parse({"capture", "-i", "eth0", "-w", "x.pcapng", "--rotate-size",
                                    "64MiB", "--rotate-interval", "1h", "--rotate-files", "24"}));
  EXPECT_EQ(options.rotation.size_bytes, 64u << 20);
  EXPECT_EQ(options.rotation.interval, std::chrono::hours(1));
  EXPECT_EQ(options.rotation.files_max, 24u);
}

TEST(CommandLine, RotationThatCannotBeIsRefused) {
  EXPECT_NE(refused({"capture", "-i", "lo", "-w", "x", "--rotate-files", "3"}).text.find("without"),
            std::string::npos);
  EXPECT_NE(
      refused({"capture", "-i", "lo", "--rotate-size", "1MiB"}).text.find("without an output"),
      std::string::npos);
  EXPECT_NE(refused({"capture", "-i", "lo", "-w", "x", "--rotate-size", "big"}).text.find("a size"),
            std::string::npos);
  EXPECT_NE(refused({"capture", "-i", "lo", "-w", "x", "--rotate-interval", "10ms"})
                .text.find("too short"),
            std::string::npos);
}

TEST(CommandLine, MistakesAreUsageErrorsThatNameTheProblem) {
  refused({});
  refused({"raed", "x"});
  refused({"read"});
  refused({"capture"});
  EXPECT_NE(refused({"read", "x.pcap", "--nope"}).text.find("--nope"), std::string::npos);
  EXPECT_NE(refused({"read", "x.pcap", "-c", "0"}).text.find("count"), std::string::npos);
  EXPECT_NE(refused({"read", "x.pcap", "-f", "tcp", "udp"}).text.find("filter given twice"),
            std::string::npos);
  EXPECT_NE(refused({"read", "x", "-w", "-", "--stats-json", "-"}).text.find("standard output"),
            std::string::npos);
  EXPECT_NE(refused({"capture", "-i", "lo", "--duration", "soon"}).text.find("not a time"),
            std::string::npos);
  refused({"capture", "-i", "lo", "--snaplen", "262145"});
  refused({"capture", "-i", "lo", "--workers", "0"});
  refused({"capture", "-i", "lo", "-i", "eth0", "--workers", "33"});
  refused({"capture", "-i", "lo", "--direction", "sideways"});
  EXPECT_NE(refused({"read", "x", "-w", "y", "-w", "y"}).text.find("given twice"),
            std::string::npos);
}

TEST(CommandLine, HelpIsThereAtEveryLevel) {
  for (const auto& words :
       {std::vector<const char*>{"--help"}, {"read", "--help"}, {"capture", "--help"}}) {
    const auto message = expect<PrintAndExit>(parse(words));
    EXPECT_EQ(message.status, 0);
    EXPECT_FALSE(message.to_stderr);
    EXPECT_NE(message.text.find("weir"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::app

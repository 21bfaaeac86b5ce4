// `weir extcap` as Wireshark starts it: called by hand, and by tshark.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_engine.h"
#include "integration/extcap_folder.h"
#include "integration/pcap_bytes.h"
#include "integration/stored_packets.h"
#include "support/frames.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ExtcapCommand : public testing::Test {
 protected:
  // Frames, one each millisecond from 1700000000 on, every fourth with a VLAN tag.
  void fill(std::uint32_t count) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      FrameBytes frame = udp_frame(i, 200 + i % 700);
      if (i % 4 == 1) frame = with_tag(frame, 0x8100, 11);
      frames.push_back(std::move(frame));
    }
    write_file(dir_.file("in.pcap"), pcap_bytes(frames));
    const auto result =
        run_weir({"read", dir_.file("in.pcap"), "--store", store_, "--store-chunk", "8KiB"});
    ASSERT_EQ(result.status, 0) << result.err;
  }
  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), {"extcap", "--socket", engine_.socket(), "--store", store_});
    return weir(std::move(more));
  }
  CommandResult extcap(std::vector<std::string> more) const {
    return run_command(words(std::move(more)));
  }
  [[nodiscard]] std::vector<std::string> capture(std::vector<std::string> more) const {
    more.insert(more.begin(), {"--capture", "--extcap-interface", interface(), "--fifo", fifo_});
    return words(std::move(more));
  }
  // As Wireshark names the store.
  [[nodiscard]] std::string interface() const {
    const auto listed = run_weir(
        {"extcap", "--socket", dir_.file("no.sock"), "--store", store_, "--extcap-interfaces"});
    const std::size_t begin = listed.out.find("weir_store_");
    if (begin == std::string::npos) return "none";
    return listed.out.substr(begin, listed.out.find('}', begin) - begin);
  }
  UniqueFd open_fifo() const {
    EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    return UniqueFd(::open(fifo_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }

  FakeEngine engine_;
  TempDir dir_;
  const std::string store_ = dir_.file("packets");
  const std::string fifo_ = dir_.file("fifo");
};

TEST_F(ExtcapCommand, ListsWhatThereIs) {
  engine_.answer("GET /v1/sessions",
                 json_answer(R"({"sessions":[{"name":"all","state":"running","origin":"config",
                                 "outputs":[{"kind":"store","path":"/data/packets"}]}]})"));
  const auto result = extcap({"--extcap-interfaces", "--extcap-version=4.0"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_EQ(result.out, "extcap {version=" WEIR_VERSION
                        "}{display=weir}\n"
                        "interface {value=weir_session_all}{display=weir: session all (live)}\n"
                        "interface {value=weir_store_data_packets}"
                        "{display=weir: store /data/packets}\n"
                        "interface {value=" +
                            interface() + "}{display=weir: store " + store_ + "}\n");
}

TEST_F(ExtcapCommand, WithoutAnEngineThereIsNoErrorAndNoSession) {
  const std::string nowhere = dir_.file("no.sock");
  const auto result = run_weir({"extcap", "--socket", nowhere, "--extcap-interfaces"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "extcap {version=" WEIR_VERSION "}{display=weir}\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(ExtcapCommand, BehindALinkOfItsNameTheWordsAreWiresharks) {
  const std::string link = dir_.file("weir-extcap");
  std::filesystem::create_symlink(weir({}).front(), link);
  const auto result = run_command(
      {link, "--extcap-interfaces", "--socket", dir_.file("no.sock"), "--store", "/data"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "extcap {version=" WEIR_VERSION
                        "}{display=weir}\n"
                        "interface {value=weir_store_data}{display=weir: store /data}\n");
}

TEST_F(ExtcapCommand, EachInterfaceHasALinkTypeAndItsArguments) {
  engine_.answer("GET /v1/sessions",
                 json_answer(R"({"sessions":[{"name":"all","state":"running"}]})"));
  for (const std::string& one : {interface(), std::string("weir_session_all")}) {
    EXPECT_EQ(extcap({"--extcap-dlts", "--extcap-interface", one}).out,
              "dlt {number=147}{name=weir}{display=Each packet has that of its interface}\n");
  }
  const auto arguments = extcap({"--extcap-config", "--extcap-interface=" + interface()});
  EXPECT_EQ(arguments.status, 0);
  for (const char* sentence :
       {"arg {number=0}{call=--since}{display=From}{type=string}",
        "arg {number=1}{call=--until}{display=Up to}{type=string}",
        "arg {number=2}{call=--filter}{display=Filter}{type=string}",
        "arg {number=3}{call=--inner}{display=Filter what tunnels carry}{type=boolflag}",
        "arg {number=4}{call=--community-id}{display=Community ID}{type=string}",
        "arg {number=5}{call=--count}{display=At most}{type=unsigned}"}) {
    EXPECT_THAT(arguments.out, HasSubstr(sentence));
  }
  EXPECT_EQ(extcap({"--extcap-config", "--extcap-interface=weir_session_all"}).out, "");
}

TEST_F(ExtcapCommand, AnUnknownInterfaceIsRefused) {
  for (const char* what : {"--extcap-dlts", "--extcap-config", "--capture"}) {
    const auto result = extcap({what, "--extcap-interface", "eth0", "--fifo", fifo_});
    EXPECT_EQ(result.status, 2) << what;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_EQ(result.err, "weir: eth0: no such interface (see weir extcap --extcap-interfaces)\n");
  }
  EXPECT_FALSE(std::filesystem::exists(fifo_));
}

TEST_F(ExtcapCommand, AFilterIsGoodWhenNothingIsSaidOfIt) {
  const auto judged = [&](const std::string& filter) {
    const auto result =
        extcap({"--extcap-capture-filter", filter, "--extcap-interface", interface()});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.err, IsEmpty());
    return result.out;
  };
  EXPECT_EQ(judged("host 10.0.0.1 and udp port 53"), "");
  EXPECT_EQ(judged("ether host 02:00:00:00:00:01"), "");
  EXPECT_THAT(judged("host and"), HasSubstr("can't parse filter expression"));
  EXPECT_THAT(judged("host and"), testing::EndsWith("\n"));
}

TEST_F(ExtcapCommand, WritesThePacketsOfAStoreAndNotAWordBeside) {
  fill(1000);
  write_file(fifo_, "");
  const auto written = [&](std::vector<std::string> more) {
    const auto result = run_command(capture(std::move(more)));
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_THAT(result.out, IsEmpty());
    return frames_of_file(fifo_);
  };
  EXPECT_EQ(written({}), 1000u);
  EXPECT_EQ(written({"--extcap-capture-filter", "vlan 11"}), 250u);
  EXPECT_EQ(written({"--filter", "not vlan"}), 750u);
  EXPECT_EQ(written({"--since", "1700000000.5", "--until", "1700000000.599"}), 100u);
  EXPECT_EQ(written({"--count", "7"}), 7u);
  EXPECT_EQ(written({"--since", "1h"}), 0u);
}

TEST_F(ExtcapCommand, WhatIsMissingIsAnErrorThatWiresharkShows) {
  fill(1000);
  const std::string path = read_store(store_).at(0).path;
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 + 3 * 8192 + 1000);
    file.put('\x5a');
    file.put('\x5b');
  }
  write_file(fifo_, "");
  const auto result = run_command(capture({}));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(path + ": at byte 28672: bad checksum of a unit"));
  EXPECT_THAT(result.err, Not(HasSubstr("found")));
  EXPECT_GT(frames_of_file(fifo_), 900u);
}

TEST_F(ExtcapCommand, ABadFilterOrAStoreThatIsNotThereIsTold) {
  const auto missing = run_command(capture({}));
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, StartsWith("weir: "));
  EXPECT_THAT(missing.err, HasSubstr(store_));
  fill(10);
  const auto bad = run_command(capture({"--extcap-capture-filter", "host and"}));
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.err, HasSubstr("can't parse filter expression"));
  EXPECT_FALSE(std::filesystem::exists(fifo_));
}

TEST_F(ExtcapCommand, EndsWellWhenWiresharkHasEnough) {
  fill(20'000);
  UniqueFd reader = open_fifo();
  Process by_pipe(capture({}));
  char first[4] = {};
  while (::read(reader.get(), first, sizeof first) != 4) {
  }
  reader.reset();
  const CommandResult closed = by_pipe.wait();
  EXPECT_EQ(closed.status, 0);
  EXPECT_THAT(closed.err, IsEmpty());

  // The pipe is full: it waits when the signal comes.
  reader.reset(::open(fifo_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Process by_signal(capture({}));
  while (::read(reader.get(), first, sizeof first) != 4) {
  }
  by_signal.signal(SIGTERM);
  by_signal.signal(SIGTERM);
  reader.reset();
  const CommandResult ended = by_signal.wait();
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(ended.err, IsEmpty());
}

TEST_F(ExtcapCommand, WhateverIsWrongThePipeIsOpenedAndClosed) {
  ASSERT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
  for (const auto& [argument, value] :
       {std::pair{"--count", "many"}, {"--since", "soon"}, {"--filter", "host and"}}) {
    Process process(capture({argument, value}));
    const UniqueFd reader(::open(fifo_.c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << argument;
    const CommandResult result = process.wait();
    EXPECT_NE(result.status, 0) << argument;
    EXPECT_THAT(result.err, StartsWith("weir: ")) << argument;
  }
}

TEST_F(ExtcapCommand, ASessionsPacketsComeFromTheEngine) {
  engine_.answer("GET /v1/sessions",
                 json_answer(R"({"sessions":[{"name":"all","state":"running"}]})"));
  const std::string section =
      std::string("\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0", 16) +
      std::string(8, '\xff') + std::string("\x1c\0\0\0", 4);
  engine_.answer("GET /v1/sessions/all/tail",
                 chunked_head("application/x-pcapng") + chunk(section) + kLastChunk);
  const std::vector<std::string> live = {"--capture", "--extcap-interface=weir_session_all",
                                         "--fifo=" + fifo_};
  const auto result = extcap(live);
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_EQ(read_file(fifo_), section);
  EXPECT_EQ(engine_.last().line, "GET /v1/sessions/all/tail");

  std::vector<std::string> filtered = live;
  filtered.insert(filtered.end(), {"--extcap-capture-filter", "udp port 53"});
  EXPECT_EQ(extcap(filtered).status, 0);
  EXPECT_EQ(engine_.last().line, "GET /v1/sessions/all/tail?filter=udp%20port%2053");

  std::vector<std::string> of_a_store = live;
  of_a_store.insert(of_a_store.end(), {"--since", "1h"});
  const auto refused = extcap(of_a_store);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("a session takes a capture filter only"));
}

// tshark itself.

class ExtcapOfTshark : public ExtcapCommand {
 protected:
  CommandResult tshark(std::vector<std::string> more) const {
    return folder_.tshark(std::move(more));
  }
  const ExtcapFolder folder_{{"--socket", engine_.socket(), "--store", store_}};
};

TEST_F(ExtcapOfTshark, ShowsSessionsAndStoresAmongItsInterfaces) {
  engine_.answer("GET /v1/sessions",
                 json_answer(R"({"sessions":[{"name":"all","state":"running"}]})"));
  const auto result = tshark({"-D"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(". weir_session_all (weir: session all (live))\n"));
  EXPECT_THAT(result.out, HasSubstr(". " + interface() + " (weir: store " + store_ + ")\n"));
}

TEST_F(ExtcapOfTshark, ReadsTheWholeStore) {
  fill(500);
  const auto result = tshark({"-i", interface(), "-T", "fields", "-e", "frame.time_epoch"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(std::ranges::count(result.out, '\n'), 500);
  EXPECT_THAT(result.out, StartsWith("1700000000.000000000\n1700000000.001000000\n"));
  EXPECT_THAT(result.err, Not(HasSubstr("Error")));
}

TEST_F(ExtcapOfTshark, PassesItsPreferencesAndItsFilterOn) {
  fill(500);
  const std::string preference = "extcap." + ExtcapFolder::in_preferences(interface());
  const auto result = tshark({"-i", interface(), "-o", preference + ".since:1700000000.1", "-o",
                              preference + ".until:1700000000.199", "-f", "vlan 11", "-T", "fields",
                              "-e", "vlan.id"});
  EXPECT_EQ(result.status, 0) << result.err;
  std::string expected;
  for (int i = 0; i < 25; ++i) expected += "11\n";
  EXPECT_EQ(result.out, expected) << result.err;
}

TEST_F(ExtcapOfTshark, StopsItWhenItHasEnough) {
  fill(20'000);
  const std::string out = dir_.file("out.pcapng");
  const auto result = tshark({"-i", interface(), "-c", "10", "-w", out});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(frames_of_file(out), 10u);
  EXPECT_THAT(result.err, Not(HasSubstr("Error")));
}

TEST_F(ExtcapOfTshark, ShowsWhatIsWrongAndWaitsForNothing) {
  fill(10);
  const auto filter = tshark({"-i", interface(), "-f", "host and"});
  EXPECT_THAT(filter.err, HasSubstr("can't parse filter expression"));
  const auto time = tshark({"-i", interface(), "-o",
                            "extcap." + ExtcapFolder::in_preferences(interface()) + ".since:soon"});
  EXPECT_THAT(time.err, HasSubstr("--since soon: no time"));
}

}  // namespace
}  // namespace weir::test

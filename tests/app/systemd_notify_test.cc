// What systemd would hear, on a real datagram socket.
#include "app/systemd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::app {
namespace {

constexpr int kPid = 4711;

// systemd's end.
class Listener {
 public:
  // A path, or "@name".
  explicit Listener(const std::string& name)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const void* const generic = &address;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_.get(), static_cast<const sockaddr*>(generic), length), 0);
  }
  // Datagrams on a Unix socket are there once send() returns.
  std::string next() {
    std::array<char, 4096> text{};
    const ssize_t bytes = ::recv(fd_.get(), text.data(), text.size(), 0);
    return bytes < 0 ? "nothing" : std::string(text.data(), static_cast<std::size_t>(bytes));
  }

 private:
  UniqueFd fd_;
};

SystemdNotify opened(const SystemdEnvironment& environment) {
  auto notify = SystemdNotify::open(environment, kPid);
  EXPECT_TRUE(notify.ok()) << notify.error().context;
  return std::move(notify).value();
}

TEST(SystemdNotify, TellsWhatTheProtocolHasForIt) {
  const test::TempDir directory;
  Listener listener(directory.file("notify"));
  SystemdNotify notify = opened({.notify_socket = directory.file("notify")});
  EXPECT_TRUE(notify.listening());
  EXPECT_TRUE(notify.ready("3 sessions").ok());
  EXPECT_EQ(listener.next(), "READY=1\nSTATUS=3 sessions");
  EXPECT_TRUE(notify.status("two\nlines").ok());
  EXPECT_EQ(listener.next(), "STATUS=two lines");
  EXPECT_TRUE(notify.reloading({5'000'000'001}).ok());
  EXPECT_EQ(listener.next(), "RELOADING=1\nMONOTONIC_USEC=5000000");
  EXPECT_TRUE(notify.watchdog().ok());
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
  EXPECT_TRUE(notify.stopping("writing out").ok());
  EXPECT_EQ(listener.next(), "STOPPING=1\nSTATUS=writing out");
  EXPECT_EQ(listener.next(), "nothing");
}

TEST(SystemdNotify, FindsAnAbstractSocket) {
  const std::string name = "@weir-notify-test-" + std::to_string(::getpid());
  Listener listener(name);
  SystemdNotify notify = opened({.notify_socket = name});
  EXPECT_TRUE(notify.watchdog().ok());
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
}

TEST(SystemdNotify, ALongStatusIsCut) {
  const test::TempDir directory;
  Listener listener(directory.file("notify"));
  SystemdNotify notify = opened({.notify_socket = directory.file("notify")});
  EXPECT_TRUE(notify.status(std::string(100'000, 'x')).ok());
  EXPECT_EQ(listener.next(), "STATUS=" + std::string(512, 'x'));
}

TEST(SystemdNotify, WithoutSystemdEverythingSucceedsAndSaysNothing) {
  SystemdNotify notify = opened({});
  EXPECT_FALSE(notify.listening());
  EXPECT_TRUE(notify.ready("x").ok());
  EXPECT_TRUE(notify.watchdog().ok());
  EXPECT_EQ(notify.watchdog_interval(), std::nullopt);
}

TEST(SystemdNotify, OneThatIsGoneIsAnError) {
  const test::TempDir directory;
  auto listener = std::make_unique<Listener>(directory.file("notify"));
  SystemdNotify notify = opened({.notify_socket = directory.file("notify")});
  listener.reset();
  EXPECT_FALSE(notify.ready("x").ok());
}

// A full queue delays the engine, but not for ever.
TEST(SystemdNotify, OneThatReadsNothingDoesNotHoldTheEngine) {
  const test::TempDir directory;
  const Listener listener(directory.file("notify"));
  SystemdNotify notify = opened({.notify_socket = directory.file("notify")});
  bool refused = false;
  for (int i = 0; i < 100'000 && !refused; ++i) refused = !notify.watchdog().ok();
  EXPECT_TRUE(refused);
}

TEST(SystemdNotify, RefusesWhatIsNoSocket) {
  const test::TempDir directory;
  for (const std::string& name : {std::string("relative"), "/" + std::string(200, 'x'),
                                  directory.file("absent"), std::string("vsock:2:1234")}) {
    const auto notify = SystemdNotify::open({.notify_socket = name}, kPid);
    ASSERT_FALSE(notify.ok()) << name;
    EXPECT_THAT(notify.error().context, testing::HasSubstr(name));
  }
}

TEST(SystemdNotify, TheWatchdogIsOursWhenItNamesUsOrNobody) {
  const test::TempDir directory;
  const Listener listener(directory.file("notify"));
  SystemdEnvironment environment{.notify_socket = directory.file("notify"),
                                 .watchdog_usec = "30000000"};
  EXPECT_EQ(opened(environment).watchdog_interval(), std::chrono::seconds(30));
  environment.watchdog_pid = std::to_string(kPid);
  EXPECT_EQ(opened(environment).watchdog_interval(), std::chrono::seconds(30));
  environment.watchdog_pid = "1";
  EXPECT_EQ(opened(environment).watchdog_interval(), std::nullopt);
  for (const char* bad : {"0", "-1", "30s", "99999999999999999999"}) {
    environment = {.notify_socket = directory.file("notify"), .watchdog_usec = bad};
    EXPECT_FALSE(SystemdNotify::open(environment, kPid).ok()) << bad;
  }
}

TEST(SystemdNotify, TheEnvironmentIsReadVariableByVariable) {
  const char* const variables[] = {"PATH=/bin",      "NOTIFY_SOCKET=@x=y",  "WATCHDOG_USEC=1",
                                   "WATCHDOG_PID=2", "NOTIFY_SOCKET_TOO=z", nullptr};
  const SystemdEnvironment found = SystemdEnvironment::from_environ(variables);
  EXPECT_EQ(found.notify_socket, "@x=y");
  EXPECT_EQ(found.watchdog_usec, "1");
  EXPECT_EQ(found.watchdog_pid, "2");
  EXPECT_EQ(SystemdEnvironment::from_environ(nullptr).notify_socket, "");
}

}  // namespace
}  // namespace weir::app

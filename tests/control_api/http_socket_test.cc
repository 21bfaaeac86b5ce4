#include "control/http_socket.h"

#include <grp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/authorizer.h"
#include "control_api/raw_client.h"
#include "support/temp_dir.h"

namespace weir::control {
namespace {

using test::RawClient;
using testing::HasSubstr;

struct stat stat_of(const std::string& path) {
  struct stat result {};
  EXPECT_EQ(::lstat(path.c_str(), &result), 0) << path;
  return result;
}

class UnixListenerTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("run/weir.sock"); }
  test::TempDir dir_;
};

TEST_F(UnixListenerTest, IsForItsOwnerAlone) {
  const auto listener = UnixListener::open({.path = path()});
  ASSERT_TRUE(listener.ok()) << listener.error().context;
  EXPECT_EQ(stat_of(path()).st_mode & 07777, 0600u);
  EXPECT_EQ(stat_of(dir_.file("run")).st_mode & 07777, 0755u);
  EXPECT_TRUE(RawClient(path()).connected());
}

TEST_F(UnixListenerTest, IsForAGroupWhereThatIsWanted) {
  const group* own = ::getgrgid(::getegid());
  ASSERT_NE(own, nullptr);
  const auto listener = UnixListener::open({.path = path(), .group = own->gr_name});
  ASSERT_TRUE(listener.ok()) << listener.error().context;
  EXPECT_EQ(stat_of(path()).st_mode & 07777, 0660u);
  EXPECT_EQ(stat_of(path()).st_gid, ::getegid());
  ASSERT_TRUE((*listener)->set_group("").ok());
  EXPECT_EQ(stat_of(path()).st_mode & 07777, 0600u);
  EXPECT_EQ((*listener)->set_group("no-such-group").error().code, ErrorCode::Usage);
}

TEST_F(UnixListenerTest, IsRemovedAtTheEnd) {
  { const auto listener = UnixListener::open({.path = path()}); }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(UnixListenerTest, ReplacesWhatADeadEngineLeft) {
  std::filesystem::create_directory(dir_.file("run"));
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path()));
  const auto listener = UnixListener::open({.path = path()});
  ASSERT_TRUE(listener.ok()) << listener.error().context;
  EXPECT_TRUE(RawClient(path()).connected());
}

TEST_F(UnixListenerTest, LeavesALiveOneAndSaysWhoseItIs) {
  const auto first = UnixListener::open({.path = path()});
  ASSERT_TRUE(first.ok());
  const auto second = UnixListener::open({.path = path()});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Exists);
  EXPECT_THAT(second.error().context, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_TRUE(RawClient(path()).connected());
}

TEST_F(UnixListenerTest, LeavesTheSocketOfASuccessor) {
  auto first = UnixListener::open({.path = path()});
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(path());
  const auto second = UnixListener::open({.path = path()});
  ASSERT_TRUE(second.ok());
  first->reset();
  EXPECT_TRUE(RawClient(path()).connected());
}

TEST_F(UnixListenerTest, DestroysNothing) {
  std::filesystem::create_directory(dir_.file("run"));
  std::ofstream(path()) << "precious";
  const auto listener = UnixListener::open({.path = path()});
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code, ErrorCode::Exists);
  EXPECT_EQ(std::filesystem::file_size(path()), 8u);
}

TEST_F(UnixListenerTest, SaysWhatIsWrongWithAPath) {
  EXPECT_EQ(UnixListener::open({.path = ""}).error().code, ErrorCode::Usage);
  EXPECT_EQ(UnixListener::open({.path = std::string(108, 'x')}).error().code, ErrorCode::Usage);
  EXPECT_EQ(UnixListener::open({.path = dir_.file("a/b/c.sock")}).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(UnixListener::open({.path = path(), .group = "no-such-group"}).error().code,
            ErrorCode::Usage);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST(LoopbackListenerTest, TakesAddressesOfTheLoopback) {
  for (const char* address : {"127.0.0.1:0", "127.1.2.3:0", "[::1]:0"}) {
    const auto listener = listen_on_loopback(address);
    ASSERT_TRUE(listener.ok()) << listener.error().context;
    EXPECT_NE(listener->port, 0);
  }
}

TEST(LoopbackListenerTest, TakesNoOthers) {
  for (const char* address :
       {"", ":", "9478", "0.0.0.0:9478", "10.0.0.1:9478", "[::]:9478", "localhost:9478",
        "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:94 78", "[::1]"}) {
    const auto listener = listen_on_loopback(address);
    ASSERT_FALSE(listener.ok()) << address;
    EXPECT_EQ(listener.error().code, ErrorCode::Usage);
  }
}

TEST(LoopbackListenerTest, SaysThatAPortIsTaken) {
  const auto first = listen_on_loopback("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const auto second = listen_on_loopback("127.0.0.1:" + std::to_string(first->port));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Exists);
}

}  // namespace
}  // namespace weir::control

#include "security/privileged_operations.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace weir::security {
namespace {

// Capabilities belong to threads: takes them all away from the calling one.
void drop_all_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ASSERT_EQ(::syscall(SYS_capset, &header, none.data()), 0);
}

TEST(PrivilegedOperations, WithoutTheRightTheErrorNamesItAndHowToGrantIt) {
  std::optional<Result<UniqueFd>> opened;
  std::thread unprivileged([&] {
    drop_all_capabilities();
    opened.emplace(InProcessPrivileges().open_packet_socket(PacketSocketKind::Frames));
  });
  unprivileged.join();

  ASSERT_TRUE(opened.has_value());
  ASSERT_FALSE(opened->ok());
  const Error& error = opened->error();
  EXPECT_EQ(error.code, ErrorCode::Permission);
  EXPECT_EQ(error.sys_errno, EPERM);
  EXPECT_NE(error.context.find("Operation not permitted (needs CAP_NET_RAW: "), std::string::npos)
      << error.context;
  EXPECT_NE(error.context.find("sudo setcap cap_net_raw=eip /"), std::string::npos)
      << error.context;
}

}  // namespace
}  // namespace weir::security

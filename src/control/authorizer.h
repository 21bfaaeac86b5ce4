// Who may do what through the API: one table from actions to roles, and roles by the groups of the
// system.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/peer.h"

namespace weir::control {

// Each may do what the ones before it may.
enum class Role : std::uint8_t { Nobody, Viewer, Operator, Admin };
std::string_view name_of(Role role) noexcept;  // "nobody", "viewer", "operator", "admin"

enum class Action : std::uint8_t {
  Scrape,  // metrics and health in one word: also on the loopback port, where nobody is known
  Read,    // whatever tells of the engine and changes nothing
  Tail,    // packets themselves
  ChangeSession,  // create, pause, resume, stop, filter
  SetLogLevel,
  Reload,  // the configuration file, again
  Configure,
  Rollback,
  Drain,
};

struct ActionInfo {
  Action action;
  Role role;  // the least that may
};
// One row an action, in the order of the enum.
std::span<const ActionInfo> action_table() noexcept;
Role role_for(Action action) noexcept;

// Names of groups; empty: none.
struct RoleGroups {
  std::string viewer;
  std::string operators;
  std::string admin;
};

// Any thread.
class Authorizer {
 public:
  // `engine_uid`: whom the engine runs as; that user and root are admins.
  explicit Authorizer(uid_t engine_uid) noexcept : engine_uid_(engine_uid) {}

  // Takes effect with the next request. Error Usage: a group that the system does not know; then
  // nothing has changed.
  Result<void> set_groups(const RoleGroups& groups);
  void set_engine_uid(uid_t uid) noexcept { engine_uid_.store(uid, std::memory_order_relaxed); }

  [[nodiscard]] Role role_of(const Principal& principal) const;
  // `tenant` and `object` (a session's name, or empty) do not matter yet: roles hold for all.
  [[nodiscard]] bool allowed(const Principal& principal, Action action, std::string_view tenant,
                             std::string_view object) const;

 private:
  struct Gids {
    std::optional<gid_t> viewer;
    std::optional<gid_t> operators;
    std::optional<gid_t> admin;
  };

  std::atomic<uid_t> engine_uid_;
  mutable std::mutex mutex_;
  Gids gids_;
};

// Error Usage: there is no such group.
Result<gid_t> group_of(std::string_view name);

}  // namespace weir::control

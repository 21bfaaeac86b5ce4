#include "control/authorizer.h"

#include <grp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace weir::control {
namespace {

constexpr std::array kActions = {
    ActionInfo{Action::Scrape, Role::Viewer},
    ActionInfo{Action::Read, Role::Viewer},
    ActionInfo{Action::Tail, Role::Operator},
    ActionInfo{Action::ChangeSession, Role::Operator},
    ActionInfo{Action::SetLogLevel, Role::Operator},
    ActionInfo{Action::Reload, Role::Operator},
    ActionInfo{Action::Configure, Role::Admin},
    ActionInfo{Action::Rollback, Role::Admin},
    ActionInfo{Action::Drain, Role::Admin},
};

constexpr bool table_follows_enum() {
  for (std::size_t i = 0; i < kActions.size(); ++i) {
    if (static_cast<std::size_t>(kActions[i].action) != i) return false;
  }
  return kActions.size() == static_cast<std::size_t>(Action::Drain) + 1;
}
static_assert(table_follows_enum());

Result<std::optional<gid_t>> optional_group(std::string_view name) {
  if (name.empty()) return std::optional<gid_t>();
  WEIR_TRY(const gid_t gid, group_of(name));
  return std::optional<gid_t>(gid);
}

bool is_member(const Principal& principal, std::optional<gid_t> group) {
  if (!group) return false;
  return principal.gid == *group ||
         std::ranges::find(principal.groups, *group) != principal.groups.end();
}

}  // namespace

std::string_view name_of(Role role) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"nobody", "viewer", "operator", "admin"};
  return kNames[static_cast<std::size_t>(role)];
}

std::span<const ActionInfo> action_table() noexcept { return kActions; }

Role role_for(Action action) noexcept { return kActions[static_cast<std::size_t>(action)].role; }

Result<gid_t> group_of(std::string_view name) {
  const std::string wanted(name);
  std::vector<char> text(1024);
  for (;;) {
    group entry{};
    group* found = nullptr;
    const int failed = ::getgrnam_r(wanted.c_str(), &entry, text.data(), text.size(), &found);
    if (failed == ERANGE && text.size() < 16 * 1024 * 1024) {  // a group with many members
      text.resize(text.size() * 4);
      continue;
    }
    if (found != nullptr) return entry.gr_gid;
    if (failed != 0) return system_error(failed, "look for group " + wanted);
    return Error{.code = ErrorCode::Usage,
                 .context = "group " + wanted +
                            ": the system has no such group (create it with groupadd, or name "
                            "another one under [control])"};
  }
}

Result<void> Authorizer::set_groups(const RoleGroups& groups) {
  Gids gids;
  WEIR_TRY(gids.viewer, optional_group(groups.viewer));
  WEIR_TRY(gids.operators, optional_group(groups.operators));
  WEIR_TRY(gids.admin, optional_group(groups.admin));
  const std::lock_guard lock(mutex_);
  gids_ = gids;
  return ok();
}

Role Authorizer::role_of(const Principal& principal) const {
  if (principal.door != Door::Socket) return Role::Nobody;
  if (principal.uid == 0 || principal.uid == engine_uid_.load(std::memory_order_relaxed)) {
    return Role::Admin;
  }
  const std::lock_guard lock(mutex_);
  if (is_member(principal, gids_.admin)) return Role::Admin;
  if (is_member(principal, gids_.operators)) return Role::Operator;
  if (is_member(principal, gids_.viewer)) return Role::Viewer;
  return Role::Nobody;
}

bool Authorizer::allowed(const Principal& principal, Action action, std::string_view /*tenant*/,
                         std::string_view /*object*/) const {
  if (principal.door == Door::Loopback) return action == Action::Scrape;
  return role_of(principal) >= role_for(action);
}

}  // namespace weir::control

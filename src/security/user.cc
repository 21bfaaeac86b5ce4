#include "security/user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::security {
namespace {

constexpr std::size_t kEntryBytes = 4096;
constexpr std::size_t kEntryBytesMax = 1024 * 1024;  // groups with very many members

std::optional<std::uint32_t> id_of(const std::string& text) {
  std::uint32_t id = 0;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data(), last, id);
  // The last number means "leave it as it is" to setresuid(2).
  if (status != std::errc{} || end != last || id == std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return id;
}

// Asks the system's database with a buffer that grows until the entry fits. `ask(entry, buffer,
// result)` is one of getpwnam_r(3) and its kin; nothing: there is no such entry. `use(entry)` takes
// what is needed while the buffer lives.
template <typename Entry, typename Ask, typename Use>
auto look_up(const std::string& what, Ask ask, Use use)
    -> Result<std::optional<decltype(use(std::declval<const Entry&>()))>> {
  using Found = decltype(use(std::declval<const Entry&>()));
  for (std::vector<char> buffer(kEntryBytes);; buffer.resize(buffer.size() * 2)) {
    Entry entry{};
    Entry* result = nullptr;
    const int error = ask(entry, buffer, &result);
    if (error == ERANGE && buffer.size() < kEntryBytesMax) continue;
    if (error == EINTR) continue;
    if (result != nullptr) return std::optional<Found>(use(entry));
    // getpwnam(3) lists these among others for "not found".
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
      return std::optional<Found>();
    return system_error(error, what);
  }
}

User user_of(const passwd& entry) {
  return {.name = entry.pw_name, .uid = entry.pw_uid, .gid = entry.pw_gid};
}

Error no_such(const char* kind, const std::string& name, const std::string& command) {
  return {.code = ErrorCode::NotFound,
          .sys_errno = 0,
          .context = std::string(kind) + " " + name + ": no such " + kind + " (make it: sudo " +
                     command + " " + name + ")"};
}

bool is_already(const User& user) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  return ::getresuid(&real, &effective, &saved) == 0 && real == user.uid && effective == user.uid &&
         saved == user.uid;
}

Error cannot_become(const User& user, std::string_view step) {
  Error error = system_error(errno, "become the user " + user.name + ": " + std::string(step));
  if (error.code == ErrorCode::Permission) {
    error.context += " (start as root, or as " + user.name +
                     " with the rights it needs: for a systemd service User= and "
                     "AmbientCapabilities=)";
  }
  return error;
}

// Capabilities that were kept over the change are permitted, not effective: to take the others out
// of the bounding set, one of them must be.
Result<void> make_effective_what_is_permitted(const User& user) {
  const cap_t sets = cap_get_proc();
  if (sets == nullptr) return cannot_become(user, "look at the capabilities");
  for (cap_value_t value = 0; value < cap_max_bits(); ++value) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (cap_get_flag(sets, value, CAP_PERMITTED, &permitted) != 0) break;
    cap_set_flag(sets, CAP_EFFECTIVE, 1, &value, permitted);
  }
  const bool done = cap_set_proc(sets) == 0;
  cap_free(sets);
  if (!done) return cannot_become(user, "keep capabilities");
  return ok();
}

Result<void> change_ids(const User& user) {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return cannot_become(user, "keep capabilities");
  // Groups first: afterwards there is no right to change them.
  if (::initgroups(user.name.c_str(), user.gid) != 0) return cannot_become(user, "take its groups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return cannot_become(user, "take its group");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return cannot_become(user, "take its id");
  if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return cannot_become(user, "keep capabilities");
  return make_effective_what_is_permitted(user);
}

Result<void> check_that_there_is_no_way_back(const User& user) {
  std::array<gid_t, 3> groups{};
  const bool changed =
      is_already(user) && ::getresgid(&groups[0], &groups[1], &groups[2]) == 0 &&
      std::all_of(groups.begin(), groups.end(), [&](gid_t group) { return group == user.gid; });
  if (changed && ::setresuid(0, 0, 0) != 0) return ok();
  return Error{.code = ErrorCode::Internal,
               .sys_errno = 0,
               .context = "become the user " + user.name + ": the process can still be another"};
}

}  // namespace

Result<User> resolve_user(const std::string& name) {
  const std::string what = "look up the user " + name;
  WEIR_TRY(auto by_name, (look_up<passwd>(
                             what,
                             [&](passwd& entry, std::vector<char>& buffer, passwd** result) {
                               return ::getpwnam_r(name.c_str(), &entry, buffer.data(),
                                                   buffer.size(), result);
                             },
                             user_of)));
  if (by_name) return *by_name;
  if (const auto id = id_of(name)) {
    WEIR_TRY(auto by_id, (look_up<passwd>(
                             what,
                             [&](passwd& entry, std::vector<char>& buffer, passwd** result) {
                               return ::getpwuid_r(*id, &entry, buffer.data(), buffer.size(),
                                                   result);
                             },
                             user_of)));
    if (by_id) return *by_id;
  }
  return no_such("user", name, "useradd --system --no-create-home --shell /usr/sbin/nologin");
}

Result<std::uint32_t> resolve_group(const std::string& name) {
  const std::string what = "look up the group " + name;
  const auto id_of_entry = [](const group& entry) { return std::uint32_t{entry.gr_gid}; };
  WEIR_TRY(auto by_name, (look_up<group>(
                             what,
                             [&](group& entry, std::vector<char>& buffer, group** result) {
                               return ::getgrnam_r(name.c_str(), &entry, buffer.data(),
                                                   buffer.size(), result);
                             },
                             id_of_entry)));
  if (by_name) return *by_name;
  // A group without an entry is a number all the same, but here a mistake is likelier.
  if (const auto id = id_of(name)) {
    WEIR_TRY(auto by_id, (look_up<group>(
                             what,
                             [&](group& entry, std::vector<char>& buffer, group** result) {
                               return ::getgrgid_r(*id, &entry, buffer.data(), buffer.size(),
                                                   result);
                             },
                             id_of_entry)));
    if (by_id) return *by_id;
  }
  return no_such("group", name, "groupadd --system");
}

std::string name_of_group(std::uint32_t gid) {
  const auto found = look_up<group>(
      "look up a group",
      [&](group& entry, std::vector<char>& buffer, group** result) {
        return ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), result);
      },
      [](const group& entry) { return std::string(entry.gr_name); });
  return found.ok() && *found ? **found : std::to_string(gid);
}

Result<void> become_user(const std::string& name, std::span<const Capability> keep) {
  WEIR_TRY(const User user, resolve_user(name));
  if (user.uid == 0) {
    return Error{.code = ErrorCode::Usage,
                 .sys_errno = 0,
                 .context = "become the user " + name +
                            ": that is root, which keeps every right over files (name another "
                            "user, or none)"};
  }
  // What /proc shows of the process belongs to root from the change on, and it leaves no core file:
  // its memory holds other people's packets, and processes of the same user must not read it.
  const bool already = is_already(user);
  if (!already) WEIR_CHECK(change_ids(user));
  WEIR_CHECK(drop_capabilities(keep));
  if (already) return ok();
  return check_that_there_is_no_way_back(user);
}

}  // namespace weir::security

// The users and groups of the system, and becoming another user for good.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "security/rights.h"

namespace weir::security {

struct User {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;  // of its own group
};

// By name, or by number where no name is all digits. Errors: NotFound, with what to do.
Result<User> resolve_user(const std::string& name);
// The number of a group, likewise.
Result<std::uint32_t> resolve_group(const std::string& name);

// The name of a group, or its number where it has none.
std::string name_of_group(std::uint32_t gid);

// The process becomes `name` and cannot go back: real, effective and saved ids, the user's groups,
// no capability but those of `keep` that it had (effective and permitted), no_new_privs. Where it
// is that user already only the capabilities go. Descriptors that are open keep working; files made
// from now on belong to the user.
//
// Called before another thread exists: threads have capabilities of their own. After an error the
// process may be anything in between and must end. Errors: NotFound for the user; Usage for root,
// which would be nobody else; Permission for a process that may not change its ids.
Result<void> become_user(const std::string& name, std::span<const Capability> keep = {});

}  // namespace weir::security

// Reads a policy document, its detached signature and the key from files, and checks the one by the
// others. Nobody looks into a text before its signature has been found to fit.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "base/result.h"
#include "security/policy.h"
#include "security/signing.h"

namespace weir::security {

inline constexpr std::size_t kPolicyBytesMax = std::size_t{1024} * 1024;
inline constexpr std::size_t kKeyBytesMax = std::size_t{16} * 1024;
inline constexpr std::size_t kSignatureFileBytesMax = 1024;

// The file as it is now, whole. Errors: those of opening and reading it, Usage for what is no
// regular file, Resource when it is longer than `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// The key in the file; errors name the file.
Result<PublicKey> load_public_key(const std::string& path);

struct SignedText {
  std::string text;    // exactly the bytes that were signed
  std::string digest;  // of these
};

// The document at `path`, whose signature is in `path` with ".sig" behind it. Files that are
// exchanged meanwhile make no other text: what was verified is what is returned.
std::variant<SignedText, RefusedPolicy> load_signed_text(const std::string& path,
                                                         const PublicKey& key);

}  // namespace weir::security

#include "security/signed_policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/unique_fd.h"

namespace weir::security {
namespace {

RefusedPolicy unread(Error error) {
  const PolicyRefusal reason = error.code == ErrorCode::Resource && error.sys_errno == 0
                                   ? PolicyRefusal::TooLarge
                                   : PolicyRefusal::Missing;
  return {.reason = reason, .error = std::move(error)};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  // A pipe without a writer would be waited for.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_error(errno, "read " + path);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return system_error(errno, "read " + path);
  if (!S_ISREG(about.st_mode)) {
    return Error{.code = ErrorCode::Usage, .context = "read " + path + ": no regular file"};
  }
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read " + path);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) {
      return Error{
          .code = ErrorCode::Resource,
          .context = "read " + path + ": longer than " + std::to_string(bytes_max) + " bytes"};
    }
  }
}

Result<PublicKey> load_public_key(const std::string& path) {
  WEIR_TRY(const std::string pem, read_file(path, kKeyBytesMax));
  auto key = read_public_key(pem);
  if (!key) return std::move(key).error().with_context("read " + path);
  return key;
}

std::variant<SignedText, RefusedPolicy> load_signed_text(const std::string& path,
                                                         const PublicKey& key) {
  auto text = read_file(path, kPolicyBytesMax);
  if (!text) return unread(std::move(text).error());
  auto file = read_file(path + ".sig", kSignatureFileBytesMax);
  if (!file) return unread(std::move(file).error());
  const auto forged = [&](std::string why) {
    return RefusedPolicy{
        .reason = PolicyRefusal::Forged,
        .error = {.code = ErrorCode::Damaged, .context = path + ".sig: " + std::move(why)}};
  };
  auto signature = read_signature(*file);
  if (!signature) return forged(signature.error().context);
  if (!verify(*text, *signature, key)) {
    return forged(
        "the signature does not fit the document and the key (sign it again: weir "
        "policy sign " +
        path + " --key KEY)");
  }
  auto digest = digest_of(*text);
  if (!digest) return unread(std::move(digest).error());
  return SignedText{.text = *std::move(text), .digest = *std::move(digest)};
}

}  // namespace weir::security

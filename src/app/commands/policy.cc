#include "app/commands/policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "app/session.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "control/policy_reader.h"
#include "security/signed_policy.h"
#include "telemetry/text.h"

namespace weir::app {
namespace {

constexpr mode_t kSecret = 0600;
constexpr mode_t kPublic = 0644;

void print_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error(errno, "write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::fsync(fd) != 0) return system_error(errno, "write " + path);
  return ok();
}

// A new file; what fails leaves none.
Result<void> write_new(const std::string& path, std::string_view bytes, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return system_error(errno, "write " + path);
  auto written = write_all(fd.get(), bytes, path);
  if (!written) (void)::unlink(path.c_str());
  return written;
}

// Takes the place of what is there, whole or not at all.
Result<void> replace(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".new";
  if (::unlink(beside.c_str()) != 0 && errno != ENOENT) {
    return system_error(errno, "remove " + beside);
  }
  WEIR_CHECK(write_new(beside, bytes, kPublic));
  if (::rename(beside.c_str(), path.c_str()) == 0) return ok();
  const int why = errno;
  (void)::unlink(beside.c_str());
  return system_error(why, "write " + path);
}

std::string about(const security::PolicyDocument& document) {
  return "version " + std::to_string(document.version) + ", from " +
         telemetry::rfc3339(document.issued) + " until " + telemetry::rfc3339(document.expires);
}

Result<security::PolicyDocument> read_document(const std::string& text, const std::string& file) {
  control::PolicyOutcome outcome = control::read_policy(text);
  if (!outcome.ok()) return control::error_of(outcome.problems, file);
  return std::move(outcome.document);
}

Result<std::string> keygen(const std::string& prefix) {
  const std::string secret = prefix + ".key";
  const std::string open = prefix + ".pub";
  WEIR_TRY(const security::KeyPair keys, security::make_keys());
  WEIR_CHECK(write_new(secret, keys.private_pem, kSecret));
  if (auto written = write_new(open, keys.public_pem, kPublic); !written) {
    (void)::unlink(secret.c_str());
    return std::move(written).error();
  }
  return secret + ": signs policies; keep it where no engine runs\n" + open +
         ": for security.policy_key of the engines\n";
}

Result<std::string> sign(const std::string& file, const std::string& key_file) {
  WEIR_TRY(const std::string text, security::read_file(file, security::kPolicyBytesMax));
  WEIR_TRY(const security::PolicyDocument document, read_document(text, file));
  WEIR_TRY(const std::string key, security::read_file(key_file, security::kKeyBytesMax));
  auto signature = security::sign(text, key);
  if (!signature) return std::move(signature).error().with_context("read " + key_file);
  WEIR_CHECK(replace(file + ".sig", std::string(signature->begin(), signature->end())));
  return file + ".sig: signs " + about(document) + "\n";
}

Result<std::string> verify(const std::string& file, const std::string& key_file) {
  WEIR_TRY(const security::PublicKey key, security::load_public_key(key_file));
  auto loaded = security::load_signed_text(file, key);
  if (auto* refused = std::get_if<security::RefusedPolicy>(&loaded)) {
    return std::move(refused->error);
  }
  const auto& signed_text = std::get<security::SignedText>(loaded);
  WEIR_TRY(const security::PolicyDocument document, read_document(signed_text.text, file));
  auto refused = security::refusal_of(document, signed_text.digest, {}, SystemClock().wall());
  if (refused) return std::move(refused->error).with_context(file);
  return file + ": good (" + about(document) + ")\n";
}

Result<std::string> check(const std::string& file) {
  WEIR_TRY(const std::string text, security::read_file(file, security::kPolicyBytesMax));
  WEIR_TRY(const security::PolicyDocument document, read_document(text, file));
  return file + ": good (" + about(document) + ")\n";
}

Result<std::string> carry_out(const PolicyOptions& options) {
  using What = PolicyOptions::What;
  switch (options.what) {
    case What::Keygen:
      return keygen(options.file);
    case What::Sign:
      return sign(options.file, options.key);
    case What::Verify:
      return verify(options.file, options.key);
    case What::Check:
      break;
  }
  return check(options.file);
}

}  // namespace

int policy(const PolicyOptions& options) {
  auto said = carry_out(options);
  if (!said) return report_error(said.error());
  print_out(*said);
  return 0;
}

}  // namespace weir::app

#include "simulation/policy_author.h"

#include <fstream>
#include <utility>

namespace weir::test {

PolicyAuthor::PolicyAuthor(std::string directory)
    : directory_(std::move(directory)), keys_(security::make_keys().value()) {
  std::ofstream(key_file(directory_)) << keys_.public_pem;
}

std::string PolicyAuthor::text(std::uint64_t version, const std::string& sources) const {
  return "version = " + std::to_string(version) +
         "\nissued = 2023-01-01T00:00:00Z\nexpires = 2033-01-01T00:00:00Z\n[sources]\n" + sources +
         "\n[destinations]\ndirectories = [\"" + directory_ + "\"]\n";
}

void PolicyAuthor::put(const std::string& text, const std::string& signed_text) const {
  const security::Signature signature = security::sign(signed_text, keys_.private_pem).value();
  std::ofstream(policy_file(directory_)) << text;
  std::ofstream(policy_file(directory_) + ".sig")
      << std::string(signature.begin(), signature.end());
}

void PolicyAuthor::sign(std::uint64_t version, const std::string& sources) const {
  const std::string document = text(version, sources);
  put(document, document);
}

void PolicyAuthor::forge(std::uint64_t version) const {
  put(text(version, "deny_nets = [\"0.0.0.0/0\"]"), text(version, ""));
}

}  // namespace weir::test

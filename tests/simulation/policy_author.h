// Whoever signs the policies of a simulated engine, and somebody who would like to.
#pragma once

#include <cstdint>
#include <string>

#include "security/signing.h"

namespace weir::test {

class PolicyAuthor {
 public:
  // Makes keys; the public one lies below the directory.
  explicit PolicyAuthor(std::string directory);

  // Puts a document of this version where the engine reads it, with its signature. `sources`: what
  // its table [sources] says.
  void sign(std::uint64_t version, const std::string& sources) const;
  // The same, with the signature of another text.
  void forge(std::uint64_t version) const;

  static std::string policy_file(const std::string& directory) {
    return directory + "/policy.toml";
  }
  static std::string key_file(const std::string& directory) { return directory + "/policy.pub"; }

 private:
  [[nodiscard]] std::string text(std::uint64_t version, const std::string& sources) const;
  void put(const std::string& text, const std::string& signed_text) const;

  std::string directory_;
  security::KeyPair keys_;
};

}  // namespace weir::test

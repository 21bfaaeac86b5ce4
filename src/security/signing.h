// Ed25519 (RFC 8032) over bytes in memory, with keys as PEM text: what `openssl genpkey -algorithm
// ed25519` and `openssl pkeyutl -sign -rawin` make, this reads, and the other way round. signing.cc
// is the only file that knows the library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::security {

inline constexpr std::size_t kSignatureBytes = 64;
inline constexpr std::size_t kPublicKeyBytes = 32;

using Signature = std::array<std::uint8_t, kSignatureBytes>;

struct PublicKey {
  std::array<std::uint8_t, kPublicKeyBytes> bytes{};
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

struct KeyPair {
  std::string private_pem;  // not encrypted: whoever keeps it guards it
  std::string public_pem;
};

// Any thread; no state. Error Internal: the library refuses.
Result<KeyPair> make_keys();

// Error Usage: no PEM text of an Ed25519 public key; a key of another kind is named.
Result<PublicKey> read_public_key(std::string_view pem);

// Error Usage: no PEM text of an Ed25519 private key, or one behind a password.
Result<Signature> sign(std::string_view bytes, std::string_view private_pem);

[[nodiscard]] bool verify(std::string_view bytes, const Signature& signature, const PublicKey& key);

// A detached signature as a file has it: 64 bytes as they are, or as base64 text, in which spaces
// and line ends do not count. Error Damaged: neither.
Result<Signature> read_signature(std::string_view file);

// SHA-256 as 64 hex digits.
Result<std::string> digest_of(std::string_view bytes);

}  // namespace weir::security

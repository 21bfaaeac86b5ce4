#include "security/signing.h"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace weir::security {
namespace {

template <auto kFree>
struct Freed {
  void operator()(auto* what) const noexcept { kFree(what); }
};
using Bio = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<&EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;

Error library_error(std::string_view what) {
  ERR_clear_error();
  return {.code = ErrorCode::Internal, .context = std::string(what) + ": the library refuses"};
}

Error usage(std::string context) {
  ERR_clear_error();
  return {.code = ErrorCode::Usage, .context = std::move(context)};
}

// The library would ask on the terminal.
int no_password(char*, int, int, void*) { return -1; }

const unsigned char* data_of(std::string_view bytes) {
  return static_cast<const unsigned char*>(static_cast<const void*>(bytes.data()));
}

Bio bio_of(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return nullptr;
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  const char* data = nullptr;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): the library's macro
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string kind_of(const EVP_PKEY* key) {
  const char* const name = EVP_PKEY_get0_type_name(key);
  return name != nullptr ? name : "unknown";
}

bool is_ed25519(const EVP_PKEY* key) { return EVP_PKEY_is_a(key, "ED25519") == 1; }

// The value of a base64 letter; nothing: it is none.
std::optional<std::uint32_t> base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

// 64 bytes are 86 letters and "==". Bits that no byte has must be 0, so that there is one text
// only.
std::optional<Signature> from_base64(std::string_view letters) {
  constexpr std::size_t kLetters = 86;
  if (letters.size() != kLetters + 2 || !letters.ends_with("==")) return std::nullopt;
  Signature out{};
  std::size_t filled = 0;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : letters.substr(0, kLetters)) {
    const auto value = base64_value(c);
    if (!value) return std::nullopt;
    bits = (bits << 6 | *value) & 0xffffffu;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.at(filled++) = static_cast<std::uint8_t>(bits >> held);
  }
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace

Result<KeyPair> make_keys() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio private_out(BIO_new(BIO_s_mem()));
  const Bio public_out(BIO_new(BIO_s_mem()));
  if (!key || !private_out || !public_out ||
      PEM_write_bio_PKCS8PrivateKey(private_out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_PUBKEY(public_out.get(), key.get()) != 1) {
    return library_error("make a key");
  }
  return KeyPair{.private_pem = text_of(private_out.get()),
                 .public_pem = text_of(public_out.get())};
}

Result<PublicKey> read_public_key(std::string_view pem) {
  const Bio in = bio_of(pem);
  const Key key(in ? PEM_read_bio_PUBKEY(in.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key) return usage("no public key (a PEM text that begins with BEGIN PUBLIC KEY)");
  if (!is_ed25519(key.get())) {
    return usage("a key of type " + kind_of(key.get()) +
                 ", not Ed25519 (make one with weir policy keygen)");
  }
  PublicKey out;
  std::size_t size = out.bytes.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), out.bytes.data(), &size) != 1 ||
      size != out.bytes.size()) {
    return library_error("read a public key");
  }
  return out;
}

Result<Signature> sign(std::string_view bytes, std::string_view private_pem) {
  const Bio in = bio_of(private_pem);
  const Key key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key) {
    return usage(
        "no private key (a PEM text that begins with BEGIN PRIVATE KEY; one behind a password is "
        "not read)");
  }
  if (!is_ed25519(key.get())) {
    return usage("a key of type " + kind_of(key.get()) +
                 ", not Ed25519 (make one with weir policy keygen)");
  }
  Signature out{};
  std::size_t size = out.size();
  const DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, data_of(bytes), bytes.size()) != 1 ||
      size != out.size()) {
    return library_error("sign");
  }
  return out;
}

bool verify(std::string_view bytes, const Signature& signature, const PublicKey& key) {
  const Key parsed(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, key.bytes.data(),
                                                  key.bytes.size()));
  const DigestContext context(EVP_MD_CTX_new());
  const bool fits =
      parsed && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, parsed.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), data_of(bytes),
                       bytes.size()) == 1;
  ERR_clear_error();
  return fits;
}

Result<Signature> read_signature(std::string_view file) {
  if (file.size() == kSignatureBytes) {
    Signature out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(file[i]);
    return out;
  }
  std::string letters;
  for (const char c : file) {
    if (c != ' ' && c != '\n' && c != '\r') letters += c;
  }
  if (const auto decoded = from_base64(letters)) return *decoded;
  return Error{.code = ErrorCode::Damaged,
               .context = "no signature (64 bytes, or these as base64 text)"};
}

Result<std::string> digest_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), sum.data(), &size) !=
      1) {
    return library_error("take a digest");
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kHex[sum.at(i) >> 4];
    text += kHex[sum.at(i) & 15u];
  }
  return text;
}

}  // namespace weir::security

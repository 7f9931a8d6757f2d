#include "tests/support/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <vector>

namespace sluice {
namespace {

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
EVP_PKEY* Of(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::string Number(EVP_PKEY* key, const char* name, int bytes = 0) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  if (bytes == 0) bytes = BN_num_bytes(number);
  std::string text(static_cast<size_t>(bytes), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(text.data()), bytes);
  BN_clear_free(number);
  return text;
}

int FieldBytes(SigningKind kind) { return kind == SigningKind::kP256 ? 32 : kind == SigningKind::kP384 ? 48 : 66; }
bool IsEc(SigningKind kind) {
  return kind == SigningKind::kP256 || kind == SigningKind::kP384 || kind == SigningKind::kP521;
}

EVP_PKEY* Generate(SigningKind kind) {
  switch (kind) {
    case SigningKind::kRsa:
      return EVP_RSA_gen(2048);
    case SigningKind::kWeakRsa:
      return EVP_RSA_gen(1024);
    case SigningKind::kP256:
      return EVP_EC_gen("P-256");
    case SigningKind::kP384:
      return EVP_EC_gen("P-384");
    case SigningKind::kP521:
      return EVP_EC_gen("P-521");
    case SigningKind::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

}  // namespace

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), Bytes(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

SigningKey::SigningKey(SigningKind kind)
    : kind_(kind), key_(Generate(kind), [](void* key) { EVP_PKEY_free(static_cast<EVP_PKEY*>(key)); }) {}

std::string SigningKey::JwkMembers() const {
  EVP_PKEY* const key = Of(key_);
  const auto member = [](const char* name, const std::string& bytes) {
    return std::string(",\"") + name + "\":\"" + EncodeBase64Url(bytes) + '"';
  };
  if (kind_ == SigningKind::kRsa || kind_ == SigningKind::kWeakRsa) {
    return "\"kty\":\"RSA\"" + member("n", Number(key, OSSL_PKEY_PARAM_RSA_N)) +
           member("e", Number(key, OSSL_PKEY_PARAM_RSA_E));
  }
  if (IsEc(kind_)) {
    const char* curve = kind_ == SigningKind::kP256 ? "P-256" : kind_ == SigningKind::kP384 ? "P-384" : "P-521";
    return std::string("\"kty\":\"EC\",\"crv\":\"") + curve + '"' +
           member("x", Number(key, OSSL_PKEY_PARAM_EC_PUB_X, FieldBytes(kind_))) +
           member("y", Number(key, OSSL_PKEY_PARAM_EC_PUB_Y, FieldBytes(kind_)));
  }
  std::string raw(32, '\0');
  size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size);
  return "\"kty\":\"OKP\",\"crv\":\"Ed25519\"" + member("x", raw);
}

std::string SigningKey::Jwk(std::string_view id, std::string_view more) const {
  return "{\"kid\":\"" + std::string(id) + "\"," + JwkMembers() + std::string(more) + "}";
}

std::string SigningKey::PrivateMember() const {
  const char* name = IsEc(kind_) ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D;
  return ",\"d\":\"" + EncodeBase64Url(Number(Of(key_), name)) + "\"";
}

std::string SigningKey::PublicPem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, Of(key_));
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string SigningKey::Sign(std::string_view algorithm, std::string_view text) const {
  const EVP_MD* digest = algorithm.ends_with("256")   ? EVP_sha256()
                         : algorithm.ends_with("384") ? EVP_sha384()
                         : algorithm.ends_with("512") ? EVP_sha512()
                                                      : nullptr;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* key_context = nullptr;
  EVP_DigestSignInit(context, &key_context, digest, nullptr, Of(key_));
  if (algorithm.starts_with("PS")) {
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  size_t size = 0;
  EVP_DigestSign(context, nullptr, &size, Bytes(text), text.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, Bytes(text), text.size());
  signature.resize(size);
  EVP_MD_CTX_free(context);
  if (!IsEc(kind_)) return signature;
  const unsigned char* der = Bytes(signature);
  ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(signature.size()));
  const int bytes = FieldBytes(kind_);
  std::string raw(static_cast<size_t>(2 * bytes), '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(both), reinterpret_cast<unsigned char*>(raw.data()), bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(both), reinterpret_cast<unsigned char*>(raw.data()) + bytes, bytes);
  ECDSA_SIG_free(both);
  return raw;
}

std::string SigningKey::Token(std::string_view header_json, std::string_view payload_json) const {
  constexpr std::string_view kAlg = "\"alg\":\"";
  const size_t begin = header_json.find(kAlg) + kAlg.size();
  const std::string_view algorithm = header_json.substr(begin, header_json.find('"', begin) - begin);
  const std::string text = EncodeBase64Url(header_json) + "." + EncodeBase64Url(payload_json);
  return text + "." + EncodeBase64Url(Sign(algorithm, text));
}

std::string Jwks(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

std::string HmacSha256(std::string_view secret, std::string_view text) {
  std::string mac(32, '\0');
  unsigned size = 32;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), Bytes(text), text.size(),
       reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

}  // namespace sluice

#include "server/certificates/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/certificates/openssl_ptr.h"

namespace sluice {
namespace {

using NumberPtr = std::unique_ptr<BIGNUM, OpensslFreer<BIGNUM, BN_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslFreer<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, OpensslFreer<OSSL_PARAM, OSSL_PARAM_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFreer<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslFreer<EVP_MD_CTX, EVP_MD_CTX_free>>;
using EcSignaturePtr = std::unique_ptr<ECDSA_SIG, OpensslFreer<ECDSA_SIG, ECDSA_SIG_free>>;

constexpr int kLeastRsaBits = 2'048;
constexpr int kMostRsaBits = 8'192;  // Verifying costs with the square of it.
constexpr int kMostExponentBits = 33;

// OpenSSL's errors are the thread's: none is left to whoever asks next.
struct NoErrorsLeft {
  NoErrorsLeft() { ERR_clear_error(); }
  ~NoErrorsLeft() { ERR_clear_error(); }
};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

NumberPtr Number(std::string_view bytes) {
  return NumberPtr(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Null: OpenSSL does not take it.
std::shared_ptr<void> MakeKey(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  std::shared_ptr<void> owned(key, [](void* pointer) { EVP_PKEY_free(static_cast<EVP_PKEY*>(pointer)); });
  // Of an EC key: the point is on the curve, and not the one at infinity.
  const KeyContextPtr check(EVP_PKEY_CTX_new(key, nullptr));
  if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return owned;
}

struct CurveFacts {
  const char* name;
  size_t bytes;
};
CurveFacts FactsOf(EcCurve curve) {
  switch (curve) {
    case EcCurve::kP256:
      return {"P-256", 32};
    case EcCurve::kP384:
      return {"P-384", 48};
    case EcCurve::kP521:
      return {"P-521", 66};
  }
  return {};
}

const EVP_MD* DigestOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kRs256:
    case SignatureAlgorithm::kPs256:
    case SignatureAlgorithm::kEs256:
      return EVP_sha256();
    case SignatureAlgorithm::kRs384:
    case SignatureAlgorithm::kPs384:
    case SignatureAlgorithm::kEs384:
      return EVP_sha384();
    case SignatureAlgorithm::kRs512:
    case SignatureAlgorithm::kPs512:
    case SignatureAlgorithm::kEs512:
      return EVP_sha512();
    case SignatureAlgorithm::kEdDsa:
      return nullptr;  // It has its own.
  }
  return nullptr;
}

bool IsPss(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kPs256 || algorithm == SignatureAlgorithm::kPs384 ||
         algorithm == SignatureAlgorithm::kPs512;
}

// R and S, one after the other, as OpenSSL wants them; nothing: they are not as long as the curve has it.
std::optional<std::vector<unsigned char>> EcdsaAsDer(std::string_view signature, size_t bytes) {
  if (signature.size() != 2 * bytes) return std::nullopt;
  const EcSignaturePtr both(ECDSA_SIG_new());
  NumberPtr r = Number(signature.substr(0, bytes));
  NumberPtr s = Number(signature.substr(bytes));
  if (both == nullptr || r == nullptr || s == nullptr) return std::nullopt;
  ECDSA_SIG_set0(both.get(), r.release(), s.release());
  unsigned char* data = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &data);
  if (size <= 0) return std::nullopt;
  std::vector<unsigned char> der(data, data + size);
  OPENSSL_free(data);
  return der;
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::Rsa(std::string_view modulus, std::string_view exponent) {
  const NoErrorsLeft no_errors_left;
  if (modulus.size() > kMostRsaBits / 8 + 1 || exponent.size() > 16) {
    return absl::InvalidArgumentError(absl::StrCat("is an RSA key of more than ", kMostRsaBits,
                                                   " bits, or its exponent "
                                                   "is too large"));
  }
  const NumberPtr n = Number(modulus);
  const NumberPtr e = Number(exponent);
  if (n == nullptr || e == nullptr) return absl::ResourceExhaustedError("no memory for a key");
  const int bits = BN_num_bits(n.get());
  if (bits < kLeastRsaBits || bits > kMostRsaBits) {
    return absl::InvalidArgumentError(absl::StrCat("is an RSA key of ", bits, " bits; at least ", kLeastRsaBits,
                                                   " and at "
                                                   "most ",
                                                   kMostRsaBits, " are taken"));
  }
  if (BN_is_odd(n.get()) != 1) return absl::InvalidArgumentError("is an RSA key whose modulus is even");
  if (BN_is_odd(e.get()) != 1 || BN_is_one(e.get()) == 1 || BN_num_bits(e.get()) > kMostExponentBits) {
    return absl::InvalidArgumentError("is an RSA key whose exponent is not an odd number from 3 to 2^33");
  }
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return absl::ResourceExhaustedError("no memory for a key");
  }
  std::shared_ptr<void> key = MakeKey("RSA", builder.get());
  if (key == nullptr) return absl::InvalidArgumentError("is an RSA key that OpenSSL does not take");
  return PublicKey(Kind::kRsa, std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::Ec(EcCurve curve, std::string_view x, std::string_view y) {
  const NoErrorsLeft no_errors_left;
  const CurveFacts facts = FactsOf(curve);
  // RFC 7518 §6.2.1.2: the length of the coordinate is that of the field.
  if (x.size() != facts.bytes || y.size() != facts.bytes) {
    return absl::InvalidArgumentError(absl::StrCat("is a ", facts.name, " key whose coordinates have ", x.size(),
                                                   " and ", y.size(), " bytes, not ", facts.bytes));
  }
  std::string point = "\x04";
  point.append(x).append(y);
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, facts.name, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return absl::ResourceExhaustedError("no memory for a key");
  }
  std::shared_ptr<void> key = MakeKey("EC", builder.get());
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("is a ", facts.name, " key whose point is not on the curve"));
  }
  constexpr std::array kKinds = {Kind::kP256, Kind::kP384, Kind::kP521};
  return PublicKey(kKinds.at(static_cast<size_t>(curve)), std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::Ed25519(std::string_view bytes) {
  const NoErrorsLeft no_errors_left;
  if (bytes.size() != 32) {
    return absl::InvalidArgumentError(absl::StrCat("is an Ed25519 key of ", bytes.size(), " bytes, not 32"));
  }
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(bytes), bytes.size());
  if (key == nullptr) return absl::InvalidArgumentError("is an Ed25519 key that OpenSSL does not take");
  return PublicKey(Kind::kEd25519, {key, [](void* pointer) { EVP_PKEY_free(static_cast<EVP_PKEY*>(pointer)); }});
}

bool PublicKey::Fits(SignatureAlgorithm algorithm) const {
  switch (algorithm) {
    case SignatureAlgorithm::kEs256:
      return kind_ == Kind::kP256;
    case SignatureAlgorithm::kEs384:
      return kind_ == Kind::kP384;
    case SignatureAlgorithm::kEs512:
      return kind_ == Kind::kP521;
    case SignatureAlgorithm::kEdDsa:
      return kind_ == Kind::kEd25519;
    default:
      return kind_ == Kind::kRsa;
  }
}

bool PublicKey::Verify(SignatureAlgorithm algorithm, std::string_view text, std::string_view signature) const {
  if (!Fits(algorithm)) return false;
  const NoErrorsLeft no_errors_left;
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  std::vector<unsigned char> der;
  if (kind_ == Kind::kP256 || kind_ == Kind::kP384 || kind_ == Kind::kP521) {
    const size_t bytes = kind_ == Kind::kP256 ? 32 : kind_ == Kind::kP384 ? 48 : 66;
    std::optional<std::vector<unsigned char>> encoded = EcdsaAsDer(signature, bytes);
    if (!encoded) return false;
    der = *std::move(encoded);
    signature = {reinterpret_cast<const char*>(der.data()), der.size()};
  }
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // The digest context's.
  if (context == nullptr || EVP_DigestVerifyInit(context.get(), &key_context, DigestOf(algorithm), nullptr, key) != 1) {
    return false;
  }
  // RFC 7518 §3.5: the salt is as long as the digest, and MGF1 uses the same digest, which is OpenSSL's default.
  if (IsPss(algorithm) && (EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) != 1 ||
                           EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
}

}  // namespace sluice

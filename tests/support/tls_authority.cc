#include "tests/support/tls_authority.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace sluice {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* cert) const { X509_free(cert); }
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

EVP_PKEY* MakeKey(TestKey kind) {
  switch (kind) {
    case TestKey::kP256:
      return EVP_EC_gen("P-256");
    case TestKey::kP384:
      return EVP_EC_gen("P-384");
    case TestKey::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    case TestKey::kRsa2048:
      return EVP_RSA_gen(2048);
    case TestKey::kWeakRsa:
      return EVP_RSA_gen(1024);
  }
  return nullptr;
}

void AddExtension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

Ptr<X509> MakeCert(const std::string& name, EVP_PKEY* key, uint64_t serial, int64_t from_s, int64_t to_s) {
  Ptr<X509> cert(X509_new());
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), to_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(cert.get(), key);
  return cert;
}

std::string CertText(X509* cert) {
  const Ptr<BIO> text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(text.get(), cert);
  return TextOf(text.get());
}

}  // namespace

struct TlsAuthority::Impl {
  Ptr<EVP_PKEY> key;
  Ptr<X509> cert;
};

TlsAuthority::TlsAuthority(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->key.reset(MakeKey(TestKey::kP256));
  impl_->cert = MakeCert(name, impl_->key.get(), 1, -7'200, 86'400);
  X509* cert = impl_->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  AddExtension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(cert, cert, NID_subject_key_identifier, "hash");
  X509_sign(cert, impl_->key.get(), EVP_sha256());
  cert_ = CertText(cert);
}

TlsAuthority::~TlsAuthority() = default;

PemPair TlsAuthority::Issue(const CertificateWishes& wishes) {
  const Ptr<EVP_PKEY> key(MakeKey(wishes.key));
  const Ptr<X509> cert = MakeCert(wishes.name, key.get(), ++serial_, wishes.valid_from_s, wishes.valid_to_s);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(impl_->cert.get()));
  AddExtension(cert.get(), impl_->cert.get(), NID_authority_key_identifier, "keyid");
  if (!wishes.alternative_names.empty()) {
    AddExtension(cert.get(), impl_->cert.get(), NID_subject_alt_name, wishes.alternative_names);
  }
  if (!wishes.usage.empty()) AddExtension(cert.get(), impl_->cert.get(), NID_ext_key_usage, wishes.usage);
  X509_sign(cert.get(), impl_->key.get(), EVP_sha256());
  const Ptr<BIO> key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {.cert = CertText(cert.get()), .key = TextOf(key_text.get())};
}

std::string TlsAuthority::Crl(const std::vector<uint64_t>& revoked, int64_t valid_to_s) {
  const Ptr<X509_CRL> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(impl_->cert.get()));
  ASN1_TIME* from = X509_gmtime_adj(nullptr, -7'200);
  ASN1_TIME* to = X509_gmtime_adj(nullptr, valid_to_s);
  X509_CRL_set1_lastUpdate(list.get(), from);
  X509_CRL_set1_nextUpdate(list.get(), to);
  for (uint64_t serial : revoked) {
    X509_REVOKED* entry = X509_REVOKED_new();
    ASN1_INTEGER* number = ASN1_INTEGER_new();
    ASN1_INTEGER_set_uint64(number, serial);
    X509_REVOKED_set_serialNumber(entry, number);
    X509_REVOKED_set_revocationDate(entry, from);
    X509_CRL_add0_revoked(list.get(), entry);
    ASN1_INTEGER_free(number);
  }
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  X509_CRL_sort(list.get());
  X509_CRL_sign(list.get(), impl_->key.get(), EVP_sha256());
  const Ptr<BIO> text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_CRL(text.get(), list.get());
  return TextOf(text.get());
}

std::string DerOf(const std::string& cert_pem) {
  const Ptr<BIO> text(BIO_new_mem_buf(cert_pem.data(), static_cast<int>(cert_pem.size())));
  const Ptr<X509> cert(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  const Ptr<BIO> der(BIO_new(BIO_s_mem()));
  i2d_X509_bio(der.get(), cert.get());
  return TextOf(der.get());
}

}  // namespace sluice

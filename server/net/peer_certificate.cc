#include "server/net/peer_certificate.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "server/certificates/openssl_ptr.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFreer<GENERAL_NAMES, GENERAL_NAMES_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, OpensslFreer<BIGNUM, BN_free>>;

// A name with a NUL or another control character is none: "admin\0.example" is read as "admin" by some.
bool IsName(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F;
  });
}

std::string_view View(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

void AddName(std::vector<std::string>& names, const ASN1_STRING* text) {
  if (IsName(View(text))) names.emplace_back(View(text));
}

void AddAddress(std::vector<std::string>& addresses, std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != 4 && bytes.size() != 16) return;
  if (inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size()) == nullptr) return;
  addresses.emplace_back(text.data());
}

void AddAlternativeNames(X509* certificate, PeerCertificate& facts) {
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) AddName(facts.uris, name->d.uniformResourceIdentifier);
    if (name->type == GEN_DNS) AddName(facts.dns_names, name->d.dNSName);
    if (name->type == GEN_EMAIL) AddName(facts.emails, name->d.rfc822Name);
    if (name->type == GEN_IPADD) AddAddress(facts.ip_addresses, View(name->d.iPAddress));
  }
}

std::string CommonName(const X509_NAME* subject) {
  int last = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) last = i;
  if (last < 0) return "";
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (size < 0) return "";
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return IsName(name) ? name : "";
}

std::string SerialOf(X509* certificate) {
  const NumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr) return "";
  char* hex = BN_bn2hex(number.get());
  if (hex == nullptr) return "";
  std::string serial = text::Lower(hex);
  OPENSSL_free(hex);
  serial.erase(0, std::min(serial.find_first_not_of('0'), serial.size() - 1));
  return serial;
}

std::string DerOf(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size < 0) return "";
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

PeerCertificate FactsOf(X509* certificate) {
  PeerCertificate facts;
  facts.subject = NameText(X509_get_subject_name(certificate));
  facts.common_name = CommonName(X509_get_subject_name(certificate));
  facts.issuer = NameText(X509_get_issuer_name(certificate));
  AddAlternativeNames(certificate, facts);
  facts.not_before_unix_s = UnixSeconds(X509_get0_notBefore(certificate)).value_or(0);
  facts.not_after_unix_s = UnixSeconds(X509_get0_notAfter(certificate)).value_or(0);
  facts.serial = SerialOf(certificate);
  facts.chain_der.push_back(DerOf(certificate));
  return facts;
}

std::shared_ptr<const PeerCertificate> PeerCertificateOf(const SSL* ssl) {
  const NoOpensslErrorsLeft no_errors_left;
  const X509Ptr own(SSL_get1_peer_certificate(ssl));
  if (own == nullptr) return nullptr;
  auto facts = std::make_shared<PeerCertificate>(FactsOf(own.get()));
  // On the server's side without the peer's own.
  const STACK_OF(X509)* others = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; others != nullptr && i < sk_X509_num(others); ++i) {
    facts->chain_der.push_back(DerOf(sk_X509_value(others, i)));
  }
  return facts;
}

}  // namespace sluice

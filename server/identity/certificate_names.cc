#include "server/identity/certificate_names.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/identity/text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kMostNames = 64;  // Of one certificate.
constexpr size_t kMostNameBytes = 2'048;
constexpr std::string_view kSpiffe = "spiffe://";

bool IsPrintable(std::string_view text, bool blanks) {
  return !text.empty() && text.size() <= kMostNameBytes &&
         std::ranges::all_of(text, [blanks](char c) { return c > 0x20 ? c < 0x7f : c == ' ' && blanks; });
}

// Letters, digits, and those of `more`.
bool HasOnly(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md §2. A workload's has a path.
bool IsSpiffeId(std::string_view uri) {
  const std::string_view rest = uri.substr(kSpiffe.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view domain = rest.substr(0, slash);
  if (domain.empty() || domain.size() > 255 || !HasOnly(domain, ".-_") || text::Lower(domain) != domain) {
    return false;
  }
  for (const std::string_view segment : text::Split(rest.substr(slash + 1), '/')) {
    if (segment.empty() || segment == "." || segment == ".." || !HasOnly(segment, ".-_")) return false;
  }
  return true;
}

bool IsHostName(std::string_view name) {
  if (name.size() > 253) return false;
  for (const std::string_view label : text::Split(name, '.')) {
    if (label.empty() || label.size() > 63 || !HasOnly(label, "-_")) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> NamesOf(const PeerCertificate& certificate, const CertificateNames& taken) {
  std::vector<std::string> spiffe;
  std::vector<std::string> names;
  if (taken.uri) {
    for (const std::string& uri : certificate.uris) {
      if (!IsPrintable(uri, /*blanks=*/false)) continue;
      if (!text::Lower(uri).starts_with("spiffe:")) {
        names.push_back(absl::StrCat("uri:", uri));
      } else if (uri.starts_with(kSpiffe) && IsSpiffeId(uri)) {
        spiffe.push_back(uri);
      }
    }
    // §2 of X509-SVID: exactly one. Of several, nobody says which it is.
    if (spiffe.size() == 1) names.insert(names.begin(), spiffe.front());
  }
  if (taken.dns) {
    for (const std::string& name : certificate.dns_names) {
      if (IsHostName(name)) names.push_back(absl::StrCat("dns:", text::Lower(name)));
    }
  }
  if (taken.email) {
    for (const std::string& address : certificate.emails) {
      const size_t at = address.rfind('@');
      if (!IsPrintable(address, /*blanks=*/false) || at == 0 || at == std::string::npos) continue;
      if (!IsHostName(std::string_view(address).substr(at + 1))) continue;
      // The part before the '@' is its host's affair, letters' cases included.
      names.push_back(absl::StrCat("email:", address.substr(0, at), text::Lower(address.substr(at))));
    }
  }
  if (taken.subject && IsPrintable(certificate.subject, /*blanks=*/true)) {
    names.push_back(absl::StrCat("subject:", certificate.subject));
  }
  if (names.size() > kMostNames) names.resize(kMostNames);
  return names;
}

}  // namespace sluice

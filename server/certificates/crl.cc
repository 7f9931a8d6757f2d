#include "server/certificates/crl.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "server/certificates/openssl_ptr.h"
#include "server/runtime/error_text.h"

namespace sluice {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

absl::Status CannotBeRead(int error) { return absl::InvalidArgumentError("cannot be read: " + ErrorText(error)); }

}  // namespace

std::vector<X509CrlPtr> ParseCrls(const std::string& text) {
  const NoOpensslErrorsLeft no_errors_left;
  std::vector<X509CrlPtr> lists;
  if (text.starts_with('\x30')) {
    const auto* der = reinterpret_cast<const unsigned char*>(text.data());
    if (X509CrlPtr list{d2i_X509_CRL(nullptr, &der, static_cast<long>(text.size()))}) lists.push_back(std::move(list));
    return lists;
  }
  const BioPtr bio = ReadingBio(text);
  while (X509CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, GivePassPhrase, nullptr)}) {
    lists.push_back(std::move(list));
  }
  // A damaged one among others: as if there were none, or what it withdraws would be let in.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) lists.clear();
  return lists;
}

absl::StatusOr<CrlFacts> ReadCrlFacts(const std::string& text) {
  const std::vector<X509CrlPtr> lists = ParseCrls(text);
  if (lists.empty()) {
    return absl::InvalidArgumentError(text.find("-----BEGIN X509 CRL-----") == std::string::npos
                                          ? "holds no revocation list (CRL), neither as PEM nor as DER"
                                          : "holds a revocation list (CRL) that is damaged");
  }
  CrlFacts facts{
      .lists = lists.size(), .next_update_unix_s = std::numeric_limits<int64_t>::max(), .issuer = "", .issuers = {}};
  for (const X509CrlPtr& list : lists) {
    facts.revoked += static_cast<size_t>(std::max(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list.get())), 0));
    facts.issuers.push_back(NameText(X509_CRL_get_issuer(list.get())));
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list.get());
    const std::optional<int64_t> ends = next == nullptr ? std::nullopt : UnixSeconds(next);
    if (!ends || *ends >= facts.next_update_unix_s) continue;
    facts.next_update_unix_s = *ends;
    facts.issuer = NameText(X509_CRL_get_issuer(list.get()));
  }
  return facts;
}

absl::Status CheckCrls(const std::string& text) { return ReadCrlFacts(text).status(); }

absl::StatusOr<std::vector<std::string>> CrlFilesOf(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return CannotBeRead(errno);
  if (S_ISREG(found.st_mode)) return std::vector<std::string>{path};
  // Reading would wait for ever at a pipe.
  if (!S_ISDIR(found.st_mode)) return absl::InvalidArgumentError("is neither a regular file nor a directory");
  const std::unique_ptr<DIR, CloseDirectory> open(opendir(path.c_str()));
  if (open == nullptr) return CannotBeRead(errno);
  std::vector<std::string> files;
  while (const dirent* entry = readdir(open.get())) {  // NOLINT(concurrency-mt-unsafe): a DIR of its own.
    if (entry->d_name[0] == '.') continue;
    files.push_back(path + "/" + entry->d_name);
    // What is not there, at the end of a link, is told by who reads it.
    const bool there = stat(files.back().c_str(), &found) == 0;
    if (there && !S_ISREG(found.st_mode)) {
      return absl::InvalidArgumentError("holds what is no regular file: '" + files.back() + "'");
    }
  }
  if (files.empty()) return absl::InvalidArgumentError("holds no file with a revocation list (CRL)");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace sluice

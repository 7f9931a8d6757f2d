#include "server/net/tls_files.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "server/certificates/crl.h"
#include "server/certificates/pem.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// Errors of one setting, which all begin alike.
class Settings {
 public:
  explicit Settings(std::string_view setting) : setting_(setting) {}

  absl::Status Unusable(std::string_view key, std::string_view path, std::string_view problem) const {
    return absl::InvalidArgumentError(text::Concat(setting_, ".", key, ": '", path, "' ", problem));
  }
  absl::Status Unusable(std::string_view key, std::string_view path, const absl::Status& problem) const {
    return Unusable(key, path, text::Message(problem));
  }
  absl::StatusOr<std::string> Read(std::string_view key, const std::string& path) const {
    absl::StatusOr<std::string> content = ReadPemFile(path);
    if (content.ok()) return content;
    return Unusable(key, path, content.status());
  }

 private:
  const std::string_view setting_;
};

absl::Status ReadKey(const Settings& settings, const TlsFiles& files, TlsTexts& texts) {
  absl::StatusOr<std::string> key = settings.Read("keyFile", files.key_file);
  if (!key.ok()) return key.status();
  texts.key = *std::move(key);
  if (!files.key_password_file.empty()) {
    absl::StatusOr<std::string> password = ReadKeyPassword(files.key_password_file);
    if (!password.ok()) return settings.Unusable("keyPasswordFile", files.key_password_file, password.status());
    texts.key_password = *std::move(password);
  }
  if (const absl::Status usable = CheckPrivateKey(texts.key, texts.key_password); !usable.ok()) {
    return settings.Unusable("keyFile", files.key_file, usable);
  }
  return absl::OkStatus();
}

absl::Status ReadCrls(const Settings& settings, const std::string& where, TlsTexts& texts) {
  const absl::StatusOr<std::vector<std::string>> paths = CrlFilesOf(where);
  if (!paths.ok()) return settings.Unusable("clientCrl", where, paths.status());
  for (const std::string& path : *paths) {
    absl::StatusOr<std::string> content = settings.Read("clientCrl", path);
    if (!content.ok()) return content.status();
    if (const absl::Status usable = CheckCrls(*content); !usable.ok()) {
      return settings.Unusable("clientCrl", path, usable);
    }
    texts.client_crls.push_back(*std::move(content));
  }
  return absl::OkStatus();
}

void AppendStamp(std::string& stamp, const std::string& path) {
  struct stat found{};
  if (path.empty()) return;
  if (stat(path.c_str(), &found) != 0) {
    stamp += text::Concat(path, "!", errno, ";");
    return;
  }
  stamp += text::Concat(path, "=", found.st_dev, ",", found.st_ino, ",", found.st_size, ",", found.st_mtim.tv_sec, ".",
                        found.st_mtim.tv_nsec, ",", found.st_ctim.tv_sec, ".", found.st_ctim.tv_nsec, ";");
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsFiles(std::string_view setting, const TlsFiles& files) {
  const Settings settings(setting);
  TlsTexts texts;
  absl::StatusOr<std::string> cert = settings.Read("certFile", files.cert_file);
  if (!cert.ok()) return cert.status();
  texts.cert = *std::move(cert);
  if (const auto usable = CheckCertificates(texts.cert); !usable.ok()) {
    return settings.Unusable("certFile", files.cert_file, usable.status());
  }
  if (const absl::Status read = ReadKey(settings, files, texts); !read.ok()) return read;
  if (const absl::Status pair = CheckPair(texts.cert, texts.key, texts.key_password); !pair.ok()) {
    return settings.Unusable("keyFile", files.key_file,
                             text::Concat(text::Message(pair), " (certFile: '", files.cert_file, "')"));
  }
  if (!files.client_ca_file.empty()) {
    absl::StatusOr<std::string> authorities = settings.Read("clientCaFile", files.client_ca_file);
    if (!authorities.ok()) return authorities.status();
    texts.client_ca = *std::move(authorities);
    if (const auto usable = CheckCertificates(texts.client_ca); !usable.ok()) {
      return settings.Unusable("clientCaFile", files.client_ca_file, usable.status());
    }
  }
  if (!files.client_crl.empty()) {
    if (const absl::Status read = ReadCrls(settings, files.client_crl, texts); !read.ok()) return read;
  }
  return texts;
}

std::string TlsFilesStamp(const TlsFiles& files) {
  std::string stamp;
  for (const std::string* path :
       {&files.cert_file, &files.key_file, &files.key_password_file, &files.client_ca_file, &files.client_crl}) {
    AppendStamp(stamp, *path);
  }
  if (!files.client_crl.empty()) {
    if (const absl::StatusOr<std::vector<std::string>> paths = CrlFilesOf(files.client_crl); paths.ok()) {
      for (const std::string& path : *paths) AppendStamp(stamp, path);
    }
  }
  return stamp;
}

}  // namespace sluice

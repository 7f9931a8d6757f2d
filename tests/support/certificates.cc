#include "tests/support/certificates.h"

#include "tests/support/process.h"

namespace sluice {
namespace {

void MakeKey(const std::string& path) {
  RunCommand({"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path});
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name) {
  ca_ = {directory_ / "ca.pem", directory_ / "ca.key"};
  MakeKey(ca_.key_file);
  RunCommand({"openssl", "req", "-x509", "-new", "-key", ca_.key_file, "-subj", "/CN=" + name, "-days", "2", "-addext",
              "keyUsage=critical,keyCertSign", "-out", ca_.cert_file});
}

CertificateFiles CertificateAuthority::Server(const std::string& hosts) {
  return Issue("server", "subjectAltName=" + hosts + "\nextendedKeyUsage=serverAuth\n", 2);
}

CertificateFiles CertificateAuthority::Client(const std::string& name) {
  return Issue(name, "extendedKeyUsage=clientAuth\n", 2);
}

CertificateFiles CertificateAuthority::ExpiredServer(const std::string& hosts) {
  return Issue("server", "subjectAltName=" + hosts + "\nextendedKeyUsage=serverAuth\n", -1);
}

CertificateFiles CertificateAuthority::Issue(const std::string& name, const std::string& extensions, int days) {
  std::string stem = directory_ / std::to_string(++issued_);
  CertificateFiles files{stem + ".pem", stem + ".key"};
  std::string request = stem + ".csr";
  std::string extension_file = directory_.Write(std::to_string(issued_) + ".ext", extensions);
  MakeKey(files.key_file);
  RunCommand({"openssl", "req", "-new", "-key", files.key_file, "-subj", "/CN=" + name, "-out", request});
  RunCommand({"openssl", "x509", "-req", "-in", request, "-CA", ca_.cert_file, "-CAkey", ca_.key_file, "-set_serial",
              std::to_string(issued_), "-days", std::to_string(days), "-extfile", extension_file, "-out",
              files.cert_file});
  return files;
}

}  // namespace sluice

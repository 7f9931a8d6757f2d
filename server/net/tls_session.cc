#include "server/net/tls_session.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/net/peer_certificate.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kRecord = 16 * 1024;
// Encrypted at once: what the socket may have no room for, and a connection must keep.
constexpr size_t kMostEncrypted = 64 * 1024;
// What a connection keeps for a peer that does not read: more than Write() leaves. Answers to the peer's changes of keys
// come on top, as many as it likes.
constexpr size_t kMostUnsent = 4 * kMostEncrypted;

// Shared by a thread's sessions, one call at a time.
struct Scratch {
  std::array<char, 64 * 1024> received;
  std::array<char, kRecord> record;
  std::string output;
};
Scratch& ThreadScratch() {
  thread_local const std::unique_ptr<Scratch> scratch = std::make_unique<Scratch>();
  return *scratch;
}

absl::Status ClosedByPeer() { return absl::UnavailableError("closed by the peer"); }

}  // namespace

TlsSession::TlsSession(std::shared_ptr<TlsServer> server, int fd)
    : server_(std::move(server)), context_(server_->context()), fd_(fd), ssl_(SSL_new(context_.get())) {
  BIO* bio = BIO_new(Method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), &notes_);
  SSL_set_accept_state(ssl_.get());
}

const BIO_METHOD* TlsSession::Method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice");
    BIO_meth_set_read(made, &TlsSession::OnBioRead);
    BIO_meth_set_write(made, &TlsSession::OnBioWrite);
    BIO_meth_set_ctrl(made, &TlsSession::OnBioControl);
    return made;
  }();
  return method;
}

int TlsSession::OnBioRead(BIO* bio, char* to, int size) {
  auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.input_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = self.input_.copy(to, static_cast<size_t>(size));
  self.input_.remove_prefix(taken);
  return static_cast<int>(taken);
}

int TlsSession::OnBioWrite(BIO* bio, const char* from, int size) {
  auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  // In order behind what the socket had no room for.
  std::string& output = self.unsent() > 0 ? self.unsent_ : ThreadScratch().output;
  output.append(from, static_cast<size_t>(size));
  return size;
}

long TlsSession::OnBioControl(BIO* /*bio*/, int what, long /*number*/, void* /*pointer*/) {
  return what == BIO_CTRL_FLUSH ? 1 : 0;
}

ssize_t TlsSession::Receive(size_t most) {
  std::array<char, 64 * 1024>& into = ThreadScratch().received;
  const ssize_t got = recv(fd_, into.data(), std::min(most, into.size()), MSG_DONTWAIT);
  if (got > 0) {
    input_ = {into.data(), static_cast<size_t>(got)};
    return got;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

TlsSession::Progress TlsSession::Handshake() {
  const NoOpensslErrorsLeft no_errors_left;
  if (unsent() > 0) {
    closed_ = !Flush();
    if (closed_) return Progress::kFailed;
    if (unsent() > 0) return Progress::kWaits;
  }
  // A client has no more than this to say before it hears something; no flood keeps the loop here.
  constexpr int kMostReads = 8;
  for (int i = 0; i < kMostReads; ++i) {
    const ssize_t got = Receive(kRecord);
    closed_ = got < 0;
    if (got <= 0) return closed_ ? Progress::kFailed : Progress::kWaits;
    const int done = SSL_do_handshake(ssl_.get());
    const int wants = SSL_get_error(ssl_.get(), done);
    if (done != 1 && wants != SSL_ERROR_WANT_READ) error_ = ERR_peek_error();
    const bool sent = Flush();  // With the alert, where it failed.
    if (done == 1) {
      held_ = input_;
      input_ = {};
      closed_ = !sent;
      SSL_set_app_data(ssl_.get(), nullptr);
      return sent ? Progress::kDone : Progress::kFailed;
    }
    closed_ = !sent && wants == SSL_ERROR_WANT_READ;
    if (wants != SSL_ERROR_WANT_READ || !sent) return Progress::kFailed;
    if (unsent() > 0) return Progress::kWaits;
  }
  return Progress::kWaits;
}

TlsRefusal TlsSession::Refusal() const { return ExplainRefusal(notes_, error_, closed_); }

bool TlsSession::Holds() const { return !held_.empty() || SSL_pending(ssl_.get()) > 0; }

absl::StatusOr<size_t> TlsSession::Read(std::span<char> buffer) {
  const NoOpensslErrorsLeft no_errors_left;
  const std::string held = std::exchange(held_, {});
  input_ = held;
  size_t got = 0;
  absl::Status status = Decrypt(buffer, got);
  if (status.ok() && got == 0) {
    if (Receive(std::max<size_t>(buffer.size(), 1'024)) < 0) {
      status = ClosedByPeer();
    } else {
      status = Decrypt(buffer, got);
    }
  }
  held_ = input_;
  input_ = {};
  // An answer to the peer's change of keys, or an alert.
  if (!Flush() && status.ok() && got == 0) status = ClosedByPeer();
  if (unsent() > kMostUnsent) return absl::ResourceExhaustedError("the peer asks for new keys and does not read");
  // An error is told with the next call, if this one has bytes.
  if (got > 0) return got;
  if (!status.ok()) return status;
  return 0;
}

absl::Status TlsSession::Decrypt(std::span<char> buffer, size_t& got) {
  while (got < buffer.size()) {
    size_t read = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_.get(), buffer.data() + got, buffer.size() - got, &read);
    got += read;
    if (done == 1) continue;
    const int wants = SSL_get_error(ssl_.get(), done);
    if (wants == SSL_ERROR_WANT_READ) return absl::OkStatus();
    return wants == SSL_ERROR_ZERO_RETURN ? ClosedByPeer() : Failed();
  }
  return absl::OkStatus();
}

absl::Status TlsSession::Failed() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  return absl::UnavailableError(text::Concat("TLS: ", std::string_view(reason == nullptr ? "failed" : reason)));
}

bool TlsSession::Encrypt(std::string_view record) {
  size_t written = 0;
  ERR_clear_error();
  return SSL_write_ex(ssl_.get(), record.data(), record.size(), &written) == 1 && written == record.size();
}

absl::StatusOr<size_t> TlsSession::Write(std::span<const std::string_view> pieces) {
  const NoOpensslErrorsLeft no_errors_left;
  if (unsent() > 0 && !Flush()) return ClosedByPeer();
  Scratch& scratch = ThreadScratch();
  size_t taken = 0;
  size_t in_record = 0;
  const auto seal = [&] {
    const bool sealed = in_record == 0 || Encrypt({scratch.record.data(), in_record});
    in_record = 0;
    return sealed;
  };
  const auto failed = [&] {
    scratch.output.clear();  // It would go out with another connection's bytes.
    return Failed();
  };
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (unsent() > 0) return taken;
      // A whole record needs no copy.
      if (in_record == 0 && piece.size() >= kRecord) {
        if (!Encrypt(piece.substr(0, kRecord))) return failed();
        piece.remove_prefix(kRecord);
        taken += kRecord;
      } else {
        const size_t copied = piece.copy(scratch.record.data() + in_record, kRecord - in_record);
        in_record += copied;
        taken += copied;
        piece.remove_prefix(copied);
        if (in_record == kRecord && !seal()) return failed();
      }
      if (scratch.output.size() >= kMostEncrypted && in_record == 0 && !Flush()) return ClosedByPeer();
    }
  }
  if (unsent() > 0 && in_record == 0) return taken;
  if (!seal()) return failed();
  if (!Flush()) return ClosedByPeer();
  return taken;
}

bool TlsSession::Flush() {
  std::string& scratch = ThreadScratch().output;
  const bool kept = unsent() > 0;
  std::string_view bytes = kept ? std::string_view(unsent_).substr(sent_) : std::string_view(scratch);
  if (bytes.empty()) return true;
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    scratch.clear();
    return false;
  }
  const size_t gone = sent < 0 ? 0 : static_cast<size_t>(sent);
  if (!kept) {
    unsent_.assign(bytes.substr(gone));
    sent_ = 0;
    scratch.clear();
  } else {
    sent_ += gone;
  }
  if (unsent() == 0) {
    std::string().swap(unsent_);
    sent_ = 0;
  }
  return true;
}

void TlsSession::Goodbye() {
  const NoOpensslErrorsLeft no_errors_left;
  SSL_shutdown(ssl_.get());
  Flush();
}

void TlsSession::Describe(Peer& peer) const {
  peer.tls_version = SSL_get_version(ssl_.get());
  peer.tls_cipher = SSL_get_cipher_name(ssl_.get());
  peer.certificate = PeerCertificateOf(ssl_.get());
}

}  // namespace sluice

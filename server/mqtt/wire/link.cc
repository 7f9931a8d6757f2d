#include "server/mqtt/wire/link.h"

#include <algorithm>
#include <utility>

#include "server/message/utf8.h"
#include "server/mqtt/password_file.h"
#include "server/mqtt/reason_codes.h"
#include "server/mqtt/transport/endpoint.h"
#include "server/mqtt/wire/connect_options.h"
#include "server/telemetry/log.h"

namespace sluice::wire {
namespace {

// What one read takes at most; several hundred small messages.
constexpr size_t kReadBytes = 64u << 10;
// Answers that wait while a write is under way: a broker that asks and asks and does not read is not read either.
constexpr size_t kMostUnwrittenBytes = 1u << 20;
// A packet of which less than this comes in half a keep-alive period, while the broker is to answer pings, has no end.
constexpr size_t kLeastPassingBytes = 4'096;

// What a broker says may have 64 KiB, and goes into the log and /readyz.
std::string Shortened(std::string_view text) {
  constexpr size_t kMost = 200;
  const std::string_view cut = CutUtf8(text, kMost);
  return std::string(cut) + (cut.size() < text.size() ? "…" : "");
}

// With what the broker itself says of it (MQTT 5.0 §4.13, §4.11).
std::string Explained(std::string what, std::string_view reason_string, std::string_view server_reference) {
  if (!reason_string.empty()) what.append(" ('").append(Shortened(reason_string)).append("')");
  if (!server_reference.empty())
    what.append("; the broker names '").append(Shortened(server_reference)).append("' instead");
  return what;
}

const char* NameOf(Link::Role role) {
  if (role == Link::Role::kShared) return "shared";
  return role == Link::Role::kIntake ? "intake" : "replies";
}

}  // namespace

Link::Link(MqttOptions options, Role role, const Clock& clock, MetricsRegistry& metrics)
    : options_(std::move(options)),
      role_(role),
      clock_(clock),
      log_limit_(clock),
      loop_("mqtt " + options_.name),
      life_(options_, NameOf(role), clock, metrics),
      presence_(role == Role::kIntake ? std::nullopt : options_.status),
      client_(OptionsOf(options_, role, presence_)),
      phase_timer_(loop_),
      keep_alive_timer_(loop_),
      user_timer_(loop_),
      buffer_(kReadBytes),
      fresh_session_(client_.options().clean_start) {
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    bad_packets_[kind] = &metrics.GetCounter("sluice_mqtt_malformed_packets_total",
                                             "Packets of a broker that were wrong inside and passed over.",
                                             {{"connection", options_.name},
                                              {"role", NameOf(role)},
                                              {"reason", std::string(FaultName(static_cast<FaultKind>(kind)))}});
  }
}

// ------------------------------------------------------------------------------------------------ from other threads

void Link::AwaitAnotherStart() {
  MutexLock lock(mutex_);
  ++starts_awaited_;
}

void Link::Start(std::shared_ptr<void> owner) {
  {
    MutexLock lock(mutex_);
    if (--starts_awaited_ > 0) return;
    started_ = true;
    detail_ = "connecting";
  }
  loop_.Post([this] { Open(); });
  loop_.Start(std::move(owner));
}

bool Link::Stop(SteadyTime deadline) {
  loop_.Post([this] { Leave(); });
  {
    MutexLock lock(mutex_);
    if (stopped_) return *stopped_;
    while (started_ && !finished_ && clock_.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
  }
  const bool stopped = loop_.Stop(deadline);
  MutexLock lock(mutex_);
  stopped_ = stopped;
  return stopped;
}

std::string Link::detail() const {
  MutexLock lock(mutex_);
  return detail_;
}

std::string Link::server() const {
  MutexLock lock(mutex_);
  return server_;
}

void Link::SetDetail(std::string detail) {
  MutexLock lock(mutex_);
  detail_ = std::move(detail);
}

// ------------------------------------------------------------------------------------------------ coming up

void Link::Open() {
  phase_ = Phase::kOpening;
  instead_.clear();
  if (!options_.password_file.empty()) {
    // Whoever rotates it has replaced the file since the last attempt.
    absl::StatusOr<std::string> password = ReadPasswordFile(options_.password_file);
    if (!password.ok()) return ConnectFailed(std::string(password.status().message()), /*refused=*/false);
    client_.options().password = *std::move(password);
  }
  client_.options().foreign_session = life_.servers().changed();
  if (role_ == Role::kReplies) {
    client_.options().clean_start = fresh_session_ || client_.options().foreign_session;
  }
  MqttOptions attempt = options_;
  attempt.uri = life_.servers().current();
  transport_ = MakeTransport(loop_, attempt);
  transport_->Open([this](const absl::Status& status) { Opened(status); });
}

void Link::Opened(const absl::Status& status) {
  if (!status.ok()) return ConnectFailed(std::string(status.message()), /*refused=*/false);
  phase_ = Phase::kConnecting;
  refusal_.clear();
  farewell_.clear();
  buffer_.Clear();
  finished_since_tick_ = true;
  phase_timer_.Set(clock_.Now() + options_.connect_timeout, [this] {
    ConnectFailed("no answer to CONNECT from " + life_.servers().current() + " in time: is it an MQTT broker?" +
                      VersionHint(options_),
                  /*refused=*/false);
  });
  client_.Connect();
  Flush();
  if (phase_ == Phase::kConnecting) Read();
}

void Link::OnConnack(const Connack& connack) {
  if (connack.code != 0) {
    refusal_ = Explained("connection refused by the broker: " +
                             (options_.mqtt5 ? DescribeReason(connack.code) : DescribeReturnCode(connack.code)),
                         connack.reason_string, connack.server_reference);
    NoteReference(connack.code, connack.server_reference);
    return;
  }
  // From now on the sessions of this process follow on each other, under one name.
  if (role_ == Role::kReplies && options_.mqtt5) {
    fresh_session_ = false;
    if (connack.assigned_client_id) client_.options().client_id = *connack.assigned_client_id;
  }
  phase_ = Phase::kUp;
  const uint16_t keep_alive_s = connack.server_keep_alive_s.value_or(client_.options().keep_alive_s);
  keep_alive_ = KeepAlive();
  if (keep_alive_s > 0) {
    keep_alive_timer_.Set(clock_.Now() + KeepAlive::TickPeriod(keep_alive_s), [this] { OnKeepAlive(); });
  }
  phase_timer_.Cancel();
  life_.Up({.session_present = connack.session_present,
            .session_expiry_s = connack.session_expiry_s,
            .assigned_client_id = connack.assigned_client_id ? *connack.assigned_client_id : std::string_view()});
  // The user first: its part of the state must not still be that of the last connection when it counts.
  const bool session_present = connack.session_present && !client_.options().foreign_session;
  const bool session_kept = !std::exchange(unanswered_, false) && session_present;
  // Its own first, as what is sent again keeps its order; and what it takes of the broker's window nobody else has.
  presence_.Announce(client_, session_present);
  Connack for_user = connack;
  for_user.session_present = session_present;
  for_user.receive_maximum = presence_.LeftOf(connack.receive_maximum);
  user_->OnUp(for_user, session_kept);
  SetDetail("");
  {
    MutexLock lock(mutex_);
    server_ = life_.chosen_server();
  }
  up_.store(true, std::memory_order_release);
}

// ------------------------------------------------------------------------------------------------ moving bytes

void Link::Read() {
  if (reading_ || failing_ || transport_ == nullptr || !user_->MayRead()) return;
  if (write_under_way_ && client_.output().size() > kMostUnwrittenBytes) return;
  reading_ = true;
  transport_->Read(buffer_.Space(), [this](const absl::Status& status, size_t bytes) { OnRead(status, bytes); });
}

void Link::OnRead(const absl::Status& status, size_t bytes) {
  reading_ = false;
  if (!status.ok()) return Failed(std::string(status.message()), 0);
  keep_alive_.Received();
  read_since_tick_ += bytes;
  buffer_.Commit(bytes);
  storage_ = buffer_.storage();
  const Client::Progress progress = client_.Receive(buffer_.bytes(), *this);
  storage_.reset();
  if (progress.consumed > 0 && !client_.passing_by()) finished_since_tick_ = true;
  const absl::Status taken = user_->OnBatch();
  buffer_.Consume(progress.consumed, progress.wanted);
  if (!refusal_.empty()) return ConnectFailed(refusal_, /*refused=*/true);
  if (progress.error) {
    std::string why = farewell_.empty() ? progress.error->text : farewell_;
    if (!progress.error->topic_before.empty())
      why += "; before it came a PUBLISH to '" + progress.error->topic_before + "'";
    failing_.emplace(why, farewell_.empty() ? 0 : progress.error->reason);
    if (!farewell_.empty() || phase_ != Phase::kUp || !user_->OwesAcknowledgements()) return EndIfFailing();
    Flush();
    return phase_timer_.Set(clock_.Now() + options_.connect_timeout, [this] { EndIfFailing(); });
  }
  if (!taken.ok()) return Failed("what came could not be taken: " + std::string(taken.message()), 0);
  Flush();
  Read();
}

void Link::Flush() {
  while (transport_ != nullptr && !write_under_way_) {
    if (phase_ == Phase::kUp && !presence_.FillsWindowOf(client_.connack())) user_->Produce();
    if (client_.output().empty()) return;
    // Used again and again, but not what a large message needed.
    writing_.capacity() > kMostUnwrittenBytes ? std::string().swap(writing_) : writing_.clear();
    writing_.swap(client_.output());
    keep_alive_.Sent();
    const size_t written = transport_->TryWrite(writing_);
    if (written == writing_.size()) {
      user_->OnWritten();
      continue;
    }
    write_under_way_ = true;
    transport_->Write(std::string_view(writing_).substr(written), [this](const absl::Status& status) {
      write_under_way_ = false;
      if (!status.ok()) return Failed(std::string(status.message()), 0);
      user_->OnWritten();
      Flush();
      if (phase_ == Phase::kClosing && !write_under_way_) return Close();
      ReadOn();
    });
  }
}

void Link::ReadOn() {
  if (phase_ == Phase::kUp) Read();
}

void Link::OnKeepAlive() {
  const uint16_t keep_alive_s = client_.connack().server_keep_alive_s.value_or(client_.options().keep_alive_s);
  keep_alive_timer_.Set(clock_.Now() + KeepAlive::TickPeriod(keep_alive_s), [this] { OnKeepAlive(); });
  if (failing_) return;
  // Nobody hears an answer while nobody reads.
  if (!reading_ && !user_->MayRead()) keep_alive_.Received();
  if (StuckInAPacket()) {
    return Drop("a " + Client::Unfinished(buffer_.bytes()) + " does not come to its end: is its length wrong?");
  }
  switch (keep_alive_.Tick()) {
    case KeepAlive::Action::kNone:
      return;
    case KeepAlive::Action::kPing:
      client_.Ping();
      return Flush();
    case KeepAlive::Action::kGone:
      return Drop("the broker has not answered a ping in time");
  }
}

bool Link::StuckInAPacket() {
  const size_t read = std::exchange(read_since_tick_, 0);
  const bool unfinished = client_.passing_by() || !buffer_.bytes().empty();
  const bool finished = std::exchange(finished_since_tick_, !unfinished);
  // Of a broker that says nothing at all a ping finds out.
  return unfinished && !finished && reading_ && read > 0 && read < kLeastPassingBytes;
}

void Link::WakeAt(SteadyTime when) {
  if (when == kNever) return user_timer_.Cancel();
  user_timer_.Set(when, [this] { user_->OnTime(); });
}

void Link::OnPublished(uint64_t token, uint8_t reason) {
  if (!presence_.Owns(token)) return user_->OnPublished(token, reason);
  if (presence_.OnPublished(token); reason == 0) return;
  log::Warning("the broker refuses the status message",
               {{"connection", options_.name}, {"topic", options_.status->topic}, {"reason", DescribeReason(reason)}});
}

// ------------------------------------------------------------------------------------------------ going down

void Link::OnBadPacket(const BadPacket& packet) {
  bad_packets_[static_cast<size_t>(packet.kind)]->Add();
  if (log_limit_.Admit("mqtt packet passed over", FaultName(packet.kind))) {
    log::Warning("mqtt packet passed over: it is malformed", {{"connection", options_.name},
                                                              {"role", NameOf(role_)},
                                                              {"packet", std::string(packet.name)},
                                                              {"reason", std::string(packet.text)},
                                                              {"topic", ReadableTopic(packet.topic)},
                                                              {"qos", static_cast<int64_t>(packet.qos)},
                                                              {"bytes", packet.size}});
  }
  if (packet.is_publish) user_->OnBadPublish(packet);
  if (packet.astray) user_->OnAnswerAstray();
}

void Link::OnSuback(uint16_t packet_id, std::span<const uint8_t> codes, std::string_view /*reason_string*/) {
  user_->OnSuback(packet_id, codes.front());
}

void Link::OnUnsuback(uint16_t packet_id, std::span<const uint8_t> codes) {
  user_->OnUnsuback(packet_id, codes.empty() ? uint8_t{0} : codes.front());
}

void Link::OnDisconnect(const Disconnected& disconnected) {
  // 0 means something else than elsewhere (MQTT 5.0 §3.14.2.1).
  const std::string reason =
      disconnected.reason == 0 ? "0x00 normal disconnection" : DescribeReason(disconnected.reason);
  farewell_ =
      Explained("disconnected by the broker: " + reason, disconnected.reason_string, disconnected.server_reference);
  NoteReference(disconnected.reason, disconnected.server_reference);
}

void Link::NoteReference(uint8_t reason, std::string_view reference) {
  if (!options_.follow_server_reference || reference.empty()) return;
  if (reason != reason::kUseAnotherServer && reason != reason::kServerMoved) return;
  instead_ = ServersReferredTo(reference, life_.servers().current());
}

}  // namespace sluice::wire

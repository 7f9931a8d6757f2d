// Between an intake connection and its router: what the broker says of the session is remembered.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/session/session_memory.h"

namespace sluice {

// As InboundSink says: of one thread at a time.
class SessionSink final : public InboundSink {
 public:
  // Both outlive it.
  SessionSink(SessionName name, InboundSink& next, SessionMemory& memory)
      : name_(std::move(name)), next_(next), memory_(memory) {}

  const SessionName& name() const { return name_; }

  absl::Status OnMessages(std::span<InboundMessage> batch) override { return next_.OnMessages(batch); }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override { return next_.OnReleased(packet_ids); }
  InboundSink* AtMostOnce() override { return next_.AtMostOnce(); }
  std::vector<uint16_t> UnreleasedPackets() override { return next_.UnreleasedPackets(); }
  absl::Status OnSessionLost() override {
    memory_.Renewed(name_);
    return next_.OnSessionLost();
  }
  absl::Status OnSessionForeign() override { return next_.OnSessionForeign(); }
  void OnGranted(const std::string& filter) override { memory_.Granted(name_, filter); }
  void OnRemainderLeft(const std::string& filter) override { memory_.Left(name_, filter); }
  std::vector<std::string> TakeRemainders() override { return next_.TakeRemainders(); }

 private:
  const SessionName name_;
  InboundSink& next_;
  SessionMemory& memory_;
};

}  // namespace sluice

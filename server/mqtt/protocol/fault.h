// What is wrong with a packet (MQTT 5.0 §4.13), or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/mqtt/protocol/events.h"
#include "server/mqtt/reason_codes.h"

namespace sluice::wire {

// Nothing wrong is a null pointer: it is returned for every packet. The text leaves out which packet it is about; the
// Client puts that in front.
class [[nodiscard]] Fault {
 public:
  Fault() = default;
  Fault(uint8_t reason, std::string text, FaultKind kind = FaultKind::kOther)
      : error_(
            std::make_unique<ProtocolError>(ProtocolError{.reason = reason, .text = std::move(text), .kind = kind})) {}

  explicit operator bool() const { return error_ != nullptr; }
  const ProtocolError& operator*() const { return *error_; }
  const ProtocolError* operator->() const { return error_.get(); }

 private:
  std::unique_ptr<const ProtocolError> error_;
};

// What is wrong with an answer. It was passed over, or taken for what could be read of it.
struct [[nodiscard]] WrongAnswer {
  Fault fault;
  bool astray = false;  // What it answers is not known.
};

// The bytes cannot be understood (MQTT 5.0 §1.2 "Malformed Packet").
inline Fault Malformed(std::string text, FaultKind kind = FaultKind::kOther) {
  return {reason::kMalformedPacket, std::move(text), kind};
}
// They can, and are not allowed, or not now (MQTT 5.0 §1.2 "Protocol Error").
inline Fault Violation(std::string text, FaultKind kind = FaultKind::kOther) {
  return {reason::kProtocolError, std::move(text), kind};
}

}  // namespace sluice::wire

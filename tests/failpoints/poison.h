// Messages that are the end of the process that touches them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "server/gateway.h"

namespace sluice {

// Thread-safe.
class Poison {
 public:
  enum class When : uint8_t {
    kTaken,      // About to be written to the journal, for a chain.
    kAppended,   // Likewise, be it as a dead letter.
    kRead,       // Back from the journal.
    kDelivered,  // About to be written to a worker.
    kPublished,  // A reply, about to be handed to its publisher.
    kKept,       // About to be written to the dead letters' database.
  };

  // "WHEN:TEXT", as main.cc says: the process kills itself with SIGKILL over each message whose payload contains TEXT.
  // Empty: never.
  static absl::StatusOr<Poison> Parse(std::string_view text);

  // Does not return where this is the end.
  void Taste(When when, std::string_view payload) const;
  // Where only the gateway itself comes by. This outlives them.
  GatewaySeams seams() const;

 private:
  Poison(When when, std::string text) : when_(when), text_(std::move(text)) {}

  When when_;
  std::string text_;  // Empty: never.
};

}  // namespace sluice

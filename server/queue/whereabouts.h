// Where messages stand in the dispatcher, for people who ask: Dispatcher::Find().
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "server/route/route.h"
#include "server/runtime/clock.h"

namespace sluice {

// A message that waits or is with a worker.
struct Whereabouts {
  enum class State : uint8_t {
    kWaiting,  // For a worker with room.
    kBehind,   // For another message with its ordering key.
    kDelayed,  // For its retry to be due.
    kParked,   // For room on the connection that its replies go to.
    kWithWorker,
    kSettling,  // Its worker has settled it; the message itself is not known here any more.
  };
  State state = State::kWaiting;
  MessagePtr message;  // Null while kSettling.
  const Route* route = nullptr;
  ChainRef chain{};
  MessageId id;
  RecordId record = 0;
  uint32_t attempts = 0;
  SteadyTime due = kNever;  // Of kDelayed; of kWithWorker when its lease ends.
  std::string worker;       // Of kWithWorker and kSettling.
  SteadyTime delivered{};   // Likewise.
  bool chain_paused = false;
  size_t chain_workers = 0;  // Sessions that get the chain's messages.
};

// Whether a message is asked for. `message` is null for what is kSettling. Quick, and calls nothing.
using MessagePredicate = std::function<bool(MessageId id, const Message* message)>;

}  // namespace sluice

// One connection of a server: its Channel, its session, and the calls on it. For this folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/channel.h"
#include "server/net/peer.h"
#include "server/rpc/loop_part.h"
#include "server/rpc/protocol/session.h"

namespace sluice::rpc {

// On its loop's thread only. Owned by its LoopPart, which destroys it at the end of the turn in which it asked for that.
class ServerConnection final : public SessionEvents {
 public:
  ServerConnection(LoopPart& part, std::unique_ptr<Channel> channel, SteadyTime now);
  ~ServerConnection() override;

  void Start();
  // It has something to send, or to look at: the part calls Flush() at the end of the turn.
  void MarkDirty();
  // Frames what became due, writes once, and sees to what follows: reading on, time-outs, the end.
  void Flush(SteadyTime now);

  void Shutdown(const std::string& text, SteadyTime now);
  void EndCalls(const absl::Status& status);
  // The end, now.
  void Cut(const absl::Status& why);

  LoopPart& part() { return part_; }
  const std::shared_ptr<const Peer>& peer() const { return peer_; }

 private:
  friend class LoopPart;

  CallEvents& OnCall(CallStream& stream, RequestHead head) override;

  void Read();
  void OnRead(const absl::Status& status, size_t bytes);
  // False: the connection is gone.
  bool Write(SteadyTime now);
  void OnTimer();
  void SetTimer();
  void End();
  void NoteEnd();
  void CountFrames();

  LoopPart& part_;
  const std::unique_ptr<Channel> channel_;
  const std::shared_ptr<const Peer> peer_;
  Http2Session session_;
  Timer timer_;
  SteadyTime timer_at_ = kNever;
  SteadyTime age_at_ = kNever;    // When it is asked to end.
  SteadyTime grace_at_ = kNever;  // When what is left of its calls is ended.

  std::vector<char> buffer_;
  size_t small_reads_ = 0;  // In a row, that filled less than a quarter of it.
  bool reading_ = false;
  bool awaits_writable_ = false;
  bool dirty_ = false;
  bool closing_ = false;  // The Channel closes, or has; nothing but the removal follows.
  bool noted_ = false;
  std::vector<std::string_view> pieces_;
  SessionCounts counted_;
  size_t index_ = 0;  // Among the part's.
};

}  // namespace sluice::rpc

#include "server/reply/stream_holds.h"

#include <utility>

namespace sluice {

void StreamHolds::Charge(SessionId session, std::string_view connection, Fill fill) {
  MutexLock lock(mutex_);
  // Else Relieved() has been called, or is about to be: nobody would let the stream go.
  if (!parts_.full(connection)) return;
  Account& account = accounts_[std::string(connection)][session];
  account.brought.messages += fill.messages;
  account.brought.bytes += fill.bytes;
  const bool spent =
      account.brought.messages >= parts_.allowance.messages || account.brought.bytes >= parts_.allowance.bytes;
  if (!spent && !parts_.overdrawn(connection)) return;
  if (std::exchange(account.held, true)) return;
  if (held_[session]++ == 0) parts_.hold(session);
}

void StreamHolds::Relieved(std::string_view connection) {
  MutexLock lock(mutex_);
  const auto found = accounts_.find(connection);
  if (found == accounts_.end()) return;
  const auto accounts = std::move(found->second);
  accounts_.erase(found);
  for (const auto& [session, account] : accounts) {
    if (!account.held) continue;
    const auto held = held_.find(session);
    if (held == held_.end() || --held->second > 0) continue;
    held_.erase(held);
    parts_.let_go(session);
  }
}

void StreamHolds::Forget(SessionId session) {
  MutexLock lock(mutex_);
  for (auto& [connection, accounts] : accounts_) accounts.erase(session);
  if (held_.erase(session) > 0) parts_.let_go(session);
}

}  // namespace sluice

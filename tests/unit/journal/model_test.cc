// Random calls, kills at random bytes and power losses, against a model of what must be there afterwards.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

// Payloads are unique, and stand for their records across restarts.
struct Model {
  std::map<std::string, uint32_t> messages;  // To attempts.
  std::set<std::string> replies;
  std::map<std::string, std::string> dead;  // To reasons.
  std::set<uint16_t> packets;

  friend bool operator==(const Model&, const Model&) = default;
};

std::string Describe(const Model& model) {
  std::string text = "messages";
  for (const auto& [payload, attempts] : model.messages)
    text += " " + payload.substr(0, 8) + "/" + std::to_string(attempts);
  text += "; replies";
  for (const auto& payload : model.replies) text += " " + payload.substr(0, 8);
  text += "; dead";
  for (const auto& [payload, reason] : model.dead) text += " " + payload.substr(0, 8);
  text += "; packets";
  for (uint16_t packet : model.packets) text += " " + std::to_string(packet);
  return text;
}

class Story {
 public:
  Story(uint32_t seed, Fsync fsync) : random_(seed), fsync_(fsync) {}

  void Go(int lives, int steps) {
    for (int life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      Open();
      if (journal_ == nullptr) return;
      const bool power = fsync_ == Fsync::kAlways && Below(2) == 0;
      const bool kill = !power || Below(2) == 0;
      if (Below(4) != 0 && kill) files_.KillAfter(1 + Below(Below(3) == 0 ? 200'000 : 5'000));
      if (Below(3) == 0) files_.ShortWrites(1 + Below(100));
      Model before = model_;
      for (int step = 0; step < steps && !files_.killed(); ++step) {
        before = model_;
        Step();
      }
      const bool killed = files_.killed();
      if (!killed && Below(2) == 0) files_.KillAfter(0);  // Not even a farewell.
      journal_.reset();
      if (power) files_.LosePower(Below(2) == 0 ? 0 : static_cast<uint32_t>(random_()) | 1);
      files_.Reboot();
      before_ = killed ? before : model_;
      lost_power_ = power;
    }
  }

 private:
  uint32_t Below(uint32_t bound) { return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_); }

  template <typename Map>
  std::string Pick(const Map& map) {
    auto at = map.begin();
    std::advance(at, Below(static_cast<uint32_t>(map.size())));
    return at->first;
  }
  std::string NewPayload() {
    return std::to_string(next_payload_++) + std::string(Below(10) == 0 ? Below(20'000) : Below(300), 'x');
  }

  void Open() {
    SegmentJournalOptions options = TestOptions(files_);
    options.fsync = fsync_;
    options.on_fatal = [](const std::string&) {};  // What a killed disk says.
    options.on_warning = [](const std::string&) {};
    journal_ = OpenJournal(options);
    if (journal_ == nullptr) return;
    Model found;
    ids_.clear();
    for (const RecoveredMessage& each : AllMessages(*journal_, 50)) {
      const std::string payload(each.message->payload);
      EXPECT_TRUE(found.messages.emplace(payload, each.attempts).second);
      ids_[payload] = each.record;
    }
    for (const RecoveredReply& each : AllReplies(*journal_, 50)) {
      EXPECT_TRUE(found.replies.insert(each.message->payload).second);
      ids_[each.message->payload] = each.record;
    }
    for (const RecoveredDeadLetter& each : AllDeadLetters(*journal_, 50)) {
      const std::string payload(each.message.message->payload);
      EXPECT_TRUE(found.dead.emplace(payload, each.reason).second);
      ids_[payload] = each.message.record;
    }
    for (const ReceivedPacket& each : journal_->ReadReceived()) found.packets.insert(each.packet_id);
    if (lost_power_) {
      // Confirmations, releases and attempts wait for no sync.
      EXPECT_TRUE(Between(found)) << "found " << Describe(found) << "\nmodel " << Describe(model_) << "\nbefore "
                                  << Describe(before_) << Found();
    } else {
      EXPECT_TRUE(found == model_ || found == before_) << "found " << Describe(found) << "\nmodel " << Describe(model_)
                                                       << "\nbefore " << Describe(before_) << Found();
    }
    model_ = before_ = found;
  }

  std::string Found() const {
    std::string text = "\ncut " + std::to_string(journal_->report().cut_bytes);
    for (const JournalDamage& damage : journal_->report().damage) text += "\n" + damage.ToString();
    for (const std::string& warning : journal_->report().warnings) text += "\n" + warning;
    return text;
  }

  // What stands in both models is there, and nothing that stands in neither. Of a last call that was under way any part
  // may be there, since nobody was told of it.
  bool Between(const Model& found) const {
    for (const auto& [payload, attempts] : model_.messages) {
      if (before_.messages.contains(payload) && !found.messages.contains(payload)) return false;
    }
    for (const auto& [payload, attempts] : found.messages) {
      if (!before_.messages.contains(payload) && !model_.messages.contains(payload)) return false;
    }
    for (const auto& [payload, reason] : model_.dead) {
      if (before_.dead.contains(payload) && !found.dead.contains(payload)) return false;
    }
    for (const auto& payload : model_.replies) {
      if (before_.replies.contains(payload) && !found.replies.contains(payload)) return false;
    }
    for (uint16_t packet : model_.packets) {
      if (before_.packets.contains(packet) && !found.packets.contains(packet)) return false;
    }
    return true;
  }

  void Step() {
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
        return Append();
      case 3:
      case 4:
      case 5:
        return Settle();
      case 6:
        return Confirm();
      case 7:
        return Below(2) == 0 ? DeadLetter() : SettleDeadLetter();
      case 8:
        return Release();
      default:
        if (model_.messages.empty()) return;
        const std::string payload = Pick(model_.messages);
        const AttemptsNote note{ids_[payload], 1 + Below(100)};
        journal_->NoteAttempts({&note, 1});
        model_.messages[payload] = note.attempts;
    }
  }

  void Append() {
    std::vector<std::string> payloads;
    for (uint32_t i = Below(6); i > 0; --i) payloads.push_back(NewPayload());
    auto batch = scene_.Batch(payloads);
    std::vector<ReceivedPacket> packets;
    if (Below(3) == 0) packets.push_back({"plant", static_cast<uint16_t>(Below(20))});
    const absl::Status status = journal_->AppendReceived(batch, packets);
    ASSERT_TRUE(status.ok() || files_.killed()) << status;
    for (size_t i = 0; i < batch.size(); ++i) {
      model_.messages[payloads[i]] = 0;
      ids_[payloads[i]] = batch[i].record;
    }
    for (const ReceivedPacket& packet : packets) model_.packets.insert(packet.packet_id);
  }

  void Settle() {
    std::vector<RecordId> ended;
    for (uint32_t i = Below(6); i > 0 && !model_.messages.empty(); --i) {
      const std::string payload = Pick(model_.messages);
      ended.push_back(ids_[payload]);
      model_.messages.erase(payload);
    }
    std::vector<OutboxEntry> replies;
    for (uint32_t i = Below(3); i > 0; --i) replies.push_back(scene_.Reply(NewPayload()));
    const absl::Status status = journal_->Settle(ended, replies);
    ASSERT_TRUE(status.ok() || files_.killed()) << status;
    for (const OutboxEntry& reply : replies) {
      model_.replies.insert(reply.message->payload);
      ids_[reply.message->payload] = reply.record;
    }
  }

  void Confirm() {
    std::vector<RecordId> records;
    for (uint32_t i = Below(6); i > 0 && !model_.replies.empty(); --i) {
      auto at = model_.replies.begin();
      std::advance(at, Below(static_cast<uint32_t>(model_.replies.size())));
      records.push_back(ids_[*at]);
      model_.replies.erase(at);
    }
    journal_->Confirm(records);
  }

  void DeadLetter() {
    if (model_.messages.empty()) return;
    const std::string payload = Pick(model_.messages);
    const std::string reason = "reason " + std::to_string(Below(1000));
    const DeadLetterNote note{ids_[payload], 5, reason, "w", 1};
    const absl::Status status = journal_->DeadLetter({&note, 1});
    ASSERT_TRUE(status.ok() || files_.killed()) << status;
    model_.messages.erase(payload);
    model_.dead[payload] = reason;
  }

  void SettleDeadLetter() {
    if (model_.dead.empty()) return;
    const std::string payload = Pick(model_.dead);
    const RecordId record = ids_[payload];
    model_.dead.erase(payload);
    ASSERT_TRUE(journal_->Settle({&record, 1}, {}).ok() || files_.killed());
  }

  void Release() {
    if (model_.packets.empty()) return;
    const ReceivedPacket packet{"plant", *model_.packets.begin()};
    ASSERT_TRUE(journal_->Release({&packet, 1}).ok() || files_.killed());
    model_.packets.erase(packet.packet_id);
  }

  std::mt19937 random_;
  const Fsync fsync_;
  MemoryFiles files_;
  Scene scene_;
  std::unique_ptr<SegmentJournal> journal_;
  Model model_;
  Model before_;  // The last call was under way when the process died: it happened, or it did not.
  bool lost_power_ = false;
  std::map<std::string, RecordId> ids_;
  int next_payload_ = 0;
};

TEST(JournalModel, HoldsOverKillsAtAnyByte) {
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(seed);
    Story(seed, Fsync::kOff).Go(12, 150);
    if (HasFailure()) return;
  }
}

TEST(JournalModel, HoldsOverKillsAndPowerLossesWithASyncForEachCall) {
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(seed);
    Story(seed, Fsync::kAlways).Go(12, 100);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::journal_test

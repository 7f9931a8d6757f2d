#include "bench/null_broker/load_source.h"

#include <algorithm>

namespace sluice::bench {
namespace {

// A batch is one write: large enough that the call's cost vanishes, small enough to begin while more is made.
constexpr size_t kBatchBytes = 128 << 10;

RunLength Total(RunLength length, size_t subscribers) {
  length.count *= subscribers;
  return length;
}

}  // namespace

LoadSource::LoadSource(LoadOptions options)
    : options_(std::move(options)),
      payload_(std::max(options_.payload_bytes, SequenceBook::kTextSize), 'x'),
      slots_(options_.subscribers),
      run_(Total(options_.length, options_.subscribers)) {
  if (options_.topics == 1) topics_.push_back(options_.topic);
  for (size_t i = 0; options_.topics > 1 && i < options_.topics; ++i) {
    topics_.push_back(options_.topic + '/' + std::to_string(i));
  }
}

void LoadSource::OnSubscriptions(Session& session) {
  auto slot = std::ranges::find(slots_, &session, &Slot::session);
  if (slot == slots_.end()) slot = std::ranges::find(slots_, nullptr, &Slot::session);
  if (slot == slots_.end()) return;
  slot->templates.clear();
  for (const std::string& topic : topics_) {
    auto made = session.MakeTemplate(topic, payload_, options_.qos);
    if (made) slot->templates.push_back(std::move(*made));
  }
  slot->session = slot->templates.empty() ? nullptr : &session;
}

void LoadSource::OnClosed(Session& session) {
  const auto slot = std::ranges::find(slots_, &session, &Slot::session);
  if (slot == slots_.end()) return;
  slot->session = nullptr;
  slot->given_up += slot->outstanding();
  if (started()) ++disconnects_;
}

void LoadSource::OnPublish(Session& /*session*/, const PublishPacket& packet) {
  const auto sequence = SequenceBook::Read(packet.payload);
  if (!sequence || packet.payload.size() != payload_.size()) {
    book_.CountForeign();
    return;
  }
  const auto took = book_.Answered(*sequence, now_);
  if (!took) return;
  ++slots_[*sequence % slots_.size()].answered;
  if (!run_.steady()) return;
  latency_.Add(*took);
  if (last_answer_ != 0) largest_gap_ = std::max(largest_gap_, now_ - last_answer_);
  last_answer_ = now_;
}

void LoadSource::OnConfirmed(Session& session, size_t count) {
  if (options_.expect_replies) return;
  confirmed_ += count;
  const auto slot = std::ranges::find(slots_, &session, &Slot::session);
  if (slot != slots_.end()) slot->answered += count;
}

bool LoadSource::ready() const {
  return std::ranges::all_of(slots_, [](const Slot& slot) { return slot.session != nullptr; });
}

void LoadSource::SetNow(int64_t now) {
  now_ = now;
  run_.Advance(now, book_.sent(), answered());
}

void LoadSource::Fill() {
  for (size_t i = 0; i < slots_.size(); ++i) FillSlot(i);
}

bool LoadSource::HasMore() const {
  return std::ranges::any_of(slots_, [&](const Slot& slot) { return MaySend(slot); });
}

bool LoadSource::MaySend(const Slot& slot) const {
  if (slot.session == nullptr || slot.session->out().size() >= kBatchBytes || !run_.MaySend(book_.sent())) return false;
  if (!IsDue()) return false;
  if (options_.length.count > 0 && slot.sent >= options_.length.count) return false;
  const size_t bound = std::max<size_t>(options_.outstanding / slots_.size(), 1);
  if (options_.outstanding > 0 && slot.outstanding() >= bound) return false;
  return Next(slot).qos == 0 || slot.session->free_window() > 0;
}

void LoadSource::FillSlot(size_t index) {
  Slot& slot = slots_[index];
  char prefix[SequenceBook::kTextSize];
  while (MaySend(slot)) {
    const Session::Template& next = Next(slot);
    const uint64_t sequence = slot.sent * slots_.size() + index;
    SequenceBook::Write(sequence, prefix);
    slot.session->Publish(next, {prefix, sizeof prefix});
    book_.Sent(sequence, now_);
    ++slot.sent;
    if (next.qos == 0 && !options_.expect_replies) {
      ++confirmed_;
      ++slot.answered;
    }
  }
}

JsonObject LoadSource::Result() const {
  JsonObject json;
  json.Add("event", "result").Add("sent", book_.sent()).Add("answered", answered());
  json.Add("lost", book_.sent() - answered()).Add("duplicates", book_.duplicates()).Add("foreign", book_.foreign());
  json.Add("disconnects", disconnects_);
  run_.Describe(json);
  if (options_.expect_replies) {
    json.Add("latency_us", latency_.ToJson()).Add("largest_gap_us", 1e-3 * static_cast<double>(largest_gap_));
  }
  return json;
}

}  // namespace sluice::bench

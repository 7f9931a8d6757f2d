#include "server/mqtt/subscription_set.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr Millis kAskAgain{1'000};
// Requests of one turn of the driver's loop: messages pass between them.
constexpr size_t kInOneTurn = 100;

}  // namespace

SubscriptionSet::SubscriptionSet(std::vector<Subscription> subscriptions, const MqttOptions& options,
                                 const Clock& clock, MetricsRegistry& metrics)
    : options_(options),
      clock_(clock),
      refused_gauge_(metrics.GetGauge("sluice_mqtt_subscriptions_refused", "Subscriptions that the broker refuses.",
                                      {{"connection", options.name}})) {
  for (Subscription& subscription : subscriptions) given_.push_back(Add(std::move(subscription)));
}

size_t SubscriptionSet::Add(Subscription subscription, size_t look_from) {
  // What was left for good makes room.
  const auto is_free = [](const Item& item) { return item.subscription.remainder && item.state == State::kLeft; };
  auto place = std::find_if(items_.begin() + static_cast<ptrdiff_t>(look_from), items_.end(), is_free);
  if (place == items_.end()) {
    items_.push_back(Item{.subscription = {}, .backoff = Backoff(kAskAgain, options_.max_reconnect_interval, 0)});
    place = std::prev(items_.end());
  }
  *place = Item{
      .subscription = std::move(subscription),
      .backoff = Backoff(kAskAgain, options_.max_reconnect_interval, RandomSeed()),
  };
  if (place->subscription.remainder) {
    place->out = true;
    place->state = State::kUnwanted;
    place->due = clock_.Now();
  }
  return static_cast<size_t>(place - items_.begin());
}

void SubscriptionSet::Replace(std::vector<Subscription> wanted) {
  // There may be thousands, and nothing else comes in meanwhile.
  std::unordered_set<std::string_view> filters;
  for (const Subscription& subscription : wanted) filters.insert(subscription.filter);
  std::unordered_map<std::string, size_t> known;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    known.emplace(item.subscription.filter, i);
    if (!item.subscription.remainder && !filters.contains(item.subscription.filter)) Retire(item);
  }
  given_.clear();
  size_t look_from = 0;
  for (Subscription& subscription : wanted) {
    const auto found = known.find(subscription.filter);
    if (found == known.end() || items_[found->second].subscription.filter != subscription.filter) {
      // Whatever is free stands behind what was found free last.
      given_.push_back(Add(std::move(subscription), look_from));
      look_from = given_.back() + 1;
    } else {
      given_.push_back(found->second);
      Update(items_[found->second], std::move(subscription));
    }
    if (leave_shared_ && items_[given_.back()].subscription.shared()) SetOut(items_[given_.back()], true);
  }
}

void SubscriptionSet::Retire(Item& item) {
  item.subscription.remainder = true;
  item.out = true;
  item.code = 0;
  item.behind = true;
  // What is under way is answered first, and what was never asked for in this session may still be in it.
  if (Waits(item) || item.state == State::kLeft) return;
  item.state = State::kUnwanted;
  item.due = kNever;
}

void SubscriptionSet::Update(Item& item, Subscription subscription) {
  const bool was_remainder = item.subscription.remainder;
  const bool differs = item.subscription.qos != subscription.qos || item.subscription.id != subscription.id ||
                       item.subscription.retained != subscription.retained;
  item.subscription = std::move(subscription);
  if (!was_remainder && !differs) return;
  if (was_remainder) item.out = item.behind = false;
  item.was_left |= item.was_granted;  // Its retained messages have come.
  item.stale = item.state == State::kAsked;
  if (Waits(item) || item.out) return;
  item.state = State::kWanted;
  item.due = clock_.Now();
}

void SubscriptionSet::ReleaseBehind() {
  // Also what is wanted again while its UNSUBSCRIBE is under way.
  const bool asking = std::ranges::any_of(items_, [](const Item& item) {
    return item.state == State::kWanted || item.state == State::kAsked || (item.state == State::kLeaving && !item.out);
  });
  if (asking) return;
  for (Item& item : items_) {
    if (!std::exchange(item.behind, false) || item.state != State::kUnwanted) continue;
    item.due = clock_.Now();
  }
}

void SubscriptionSet::AddRemainder(const std::string& filter) {
  const auto known =
      std::ranges::find_if(items_, [&filter](const Item& item) { return item.subscription.filter == filter; });
  if (known == items_.end()) {
    Add({.filter = filter, .remainder = true});
    return;
  }
  if (!known->subscription.remainder || known->state != State::kLeft) return;
  known->state = State::kUnwanted;
  known->due = clock_.Now();
}

void SubscriptionSet::OnUp(bool session_kept, bool session_present) {
  const bool keep = session_kept && subscribed_before_;
  up_ = true;
  unresponsive_ = false;
  for (Item& item : items_) {
    // What was left is not in this session, whether that is the old one or a new one.
    if (item.state == State::kLeft) continue;
    if (item.subscription.remainder && !session_present) {
      item.state = State::kLeft;
      continue;
    }
    // mosquitto comes back from a restart with the session, but without its shared subscriptions. Asking again costs
    // nothing: no retained messages are sent for these.
    if (keep && item.state == State::kGranted && !item.subscription.shared()) continue;
    item.state = item.out ? State::kUnwanted : State::kWanted;
    item.due = item.behind ? kNever : clock_.Now();
  }
  subscribed_before_ = true;
}

void SubscriptionSet::OnDown() {
  up_ = false;
  astray_ = false;
  for (Item& item : items_) {
    if (item.state == State::kAsked) item.state = item.out ? State::kUnwanted : State::kWanted;
    if (item.state == State::kLeaving) item.state = item.out ? State::kUnwanted : State::kWanted;
  }
}

SteadyTime SubscriptionSet::TakeDue(std::vector<size_t>& ask, std::vector<size_t>& leave) {
  ReleaseBehind();
  SteadyTime next = kNever;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.state == State::kGranted || item.state == State::kLeft) continue;
    if (clock_.Now() >= item.due) {
      if (Waits(item)) {
        astray_ ? Unheard(item) : void(unresponsive_ = true);
      } else {
        if (ask.size() + leave.size() >= kInOneTurn) {
          next = clock_.Now();
          break;
        }
        const bool leaves = item.state == State::kUnwanted;
        item.state = leaves ? State::kLeaving : State::kAsked;
        item.due = clock_.Now() + options_.connect_timeout;
        (leaves ? leave : ask).push_back(i);
      }
    }
    next = std::min(next, item.due);
  }
  CountRefused();
  return next;
}

void SubscriptionSet::Answered(size_t index, uint8_t code) {
  Item& item = items_[index];
  if (item.state != State::kAsked) return;
  const bool refused = code >= reason::kUnspecifiedError;
  item.was_granted |= !refused;
  if (item.out) {
    item.state = refused ? State::kLeft : State::kUnwanted;
    item.due = item.behind ? kNever : clock_.Now();
  } else if (std::exchange(item.stale, false)) {
    item.state = State::kWanted;
    item.due = clock_.Now();
  } else if (refused) {
    Refused(item, code);
  } else {
    item.state = State::kGranted;
    item.backoff.Reset();
    const bool lower = code < static_cast<uint8_t>(item.subscription.qos);
    log::Write(
        lower ? log::Level::kWarning : log::Level::kInfo,
        lower ? "mqtt subscription granted at a lower QoS than asked for" : "mqtt subscribed",
        {{"connection", options_.name}, {"filter", item.subscription.filter}, {"qos", static_cast<int64_t>(code)}});
  }
  // What is granted was asked for before, and so is not among them.
  if (refused) CountRefused();
}

void SubscriptionSet::Refused(Item& item, uint8_t code) {
  item.state = State::kRefused;
  item.code = code;
  const Millis delay = item.backoff.Next();
  item.due = clock_.Now() + delay;
  log::Error("mqtt subscription refused", {{"connection", options_.name},
                                           {"filter", item.subscription.filter},
                                           {"reason", Describe(code)},
                                           {"retry_ms", static_cast<int64_t>(delay.count())}});
}

void SubscriptionSet::CountRefused() { refused_gauge_.Set(std::ranges::count(items_, State::kRefused, &Item::state)); }

void SubscriptionSet::Unheard(Item& item) {
  if (item.state == State::kAsked) return Refused(item, reason::kMalformedPacket);
  if (item.subscription.remainder) return CannotLeave(item, reason::kMalformedPacket);
  // What may still come is taken as before.
  item.was_left = true;
  item.state = item.out ? State::kLeft : State::kWanted;
  item.due = clock_.Now();
}

bool SubscriptionSet::Left(size_t index, uint8_t code) {
  Item& item = items_[index];
  if (item.state != State::kLeaving) return false;
  if (item.subscription.remainder && code >= reason::kUnspecifiedError) {
    CannotLeave(item, code);
    return false;
  }
  item.was_left = true;
  item.state = item.out ? State::kLeft : State::kWanted;
  item.due = clock_.Now();
  log::Info(item.subscription.remainder ? "mqtt unsubscribed from what an earlier configuration had asked for"
                                        : "mqtt unsubscribed",
            {{"connection", options_.name}, {"filter", item.subscription.filter}});
  return item.subscription.remainder;
}

void SubscriptionSet::CannotLeave(Item& item, uint8_t code) {
  item.state = State::kUnwanted;
  item.code = code;
  const Millis delay = item.backoff.Next();
  item.due = clock_.Now() + delay;
  log::Error("mqtt: what an earlier configuration had asked for cannot be left",
             {{"connection", options_.name},
              {"filter", item.subscription.filter},
              {"reason", Describe(code)},
              {"retry_ms", static_cast<int64_t>(delay.count())}});
}

void SubscriptionSet::Failed(size_t index) {
  Item& item = items_[index];
  if (item.state != State::kAsked && item.state != State::kLeaving) return;
  item.state = item.out ? State::kUnwanted : State::kWanted;
  item.due = clock_.Now() + kAskAgain;
}

void SubscriptionSet::CannotHear() {
  for (Item& item : items_) {
    if (item.state != State::kAsked && item.state != State::kLeaving) continue;
    item.due = clock_.Now() + options_.connect_timeout;
  }
}

void SubscriptionSet::StayOut(std::span<const size_t> indexes) {
  for (size_t i = 0; i < given_.size(); ++i) {
    Item& item = items_[given_[i]];
    if (!item.subscription.shared() || item.subscription.remainder) continue;
    SetOut(item, leave_shared_ || std::ranges::find(indexes, i) != indexes.end());
  }
}

void SubscriptionSet::LeaveShared() {
  leave_shared_ = true;
  StayOut({});
}

void SubscriptionSet::SetOut(Item& item, bool out) {
  if (std::exchange(item.out, out) == out) return;
  // What is under way is answered first.
  if (item.state == State::kAsked || item.state == State::kLeaving) return;
  item.state = out ? State::kUnwanted : State::kWanted;
  item.due = clock_.Now();
}

bool SubscriptionSet::left_shared() const {
  if (!leave_shared_ || !up_) return leave_shared_;
  return std::ranges::all_of(items_, [](const Item& item) {
    return !item.subscription.shared() || item.subscription.remainder || item.state == State::kLeft;
  });
}

bool SubscriptionSet::ready() const {
  return std::ranges::all_of(items_, [this](const Item& item) {
    if (item.subscription.remainder) return !Remains(item) || item.code != 0;
    return item.out ? !leave_shared_ : item.state == State::kGranted;
  });
}

std::string SubscriptionSet::Detail() const {
  for (const Item& item : items_) {
    if (item.state != State::kRefused) continue;
    return "subscription '" + item.subscription.filter + "' refused: " + Describe(item.code);
  }
  const auto left_to_others = [](const Item& item) { return item.out && !item.subscription.remainder; };
  for (const Item& item : items_) {
    if (left_to_others(item) && leave_shared_) return "shared subscriptions left";
    if (!item.out && item.state != State::kGranted) return "subscribing to '" + item.subscription.filter + "'";
  }
  for (const Item& item : items_) {
    if (!Remains(item)) continue;
    const std::string name = "'" + item.subscription.filter + "' of an earlier configuration";
    return item.code == 0 ? "unsubscribing from " + name : name + " cannot be left: " + Describe(item.code);
  }
  const auto out = std::ranges::find_if(items_, left_to_others);
  if (out == items_.end()) return "";
  const auto others = std::ranges::count_if(items_, left_to_others) - 1;
  const std::string more = others == 0 ? "" : " and " + std::to_string(others) + " more";
  return "left to others: '" + out->subscription.filter + "'" + more;
}

std::string SubscriptionSet::Describe(uint8_t code) const {
  if (code == reason::kMalformedPacket) return "the broker's answer cannot be understood";
  // MQTT 3.1.1 has one number for every failure (§3.9.3).
  if (!options_.mqtt5) return "0x80 failure: check the broker's permissions for this user";
  return DescribeReason(code);
}

}  // namespace sluice

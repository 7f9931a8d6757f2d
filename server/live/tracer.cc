#include "server/live/tracer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/message/topic.h"
#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

constexpr uint32_t kDefaultLast = 10;
constexpr uint32_t kMostLast = 1'000;
constexpr size_t kLettersAtOnce = 1'000;
constexpr size_t kRecordsAtMost = 100'000;
constexpr uint64_t kBytesAtMost = 256u << 20;
// Records come in the order of their messages' times, but for what intake connections do at once.
constexpr int64_t kOutOfOrderMs = 5'000;

std::pair<uint64_t, uint64_t> KeyOf(MessageId id) { return {id.high, id.low}; }

std::string Utc(int64_t unix_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(unix_ms), absl::UTCTimeZone());
}

}  // namespace

// What is asked for.
struct Tracer::Search {
  std::optional<MessageId> id;
  std::string topic;
  int64_t not_before_unix_ms = INT64_MIN;

  bool Wants(MessageId candidate, std::string_view candidate_topic) const {
    if (id) return candidate == *id;
    return !candidate_topic.empty() && UnixMillisOf(candidate) >= not_before_unix_ms &&
           FilterMatches(topic, candidate_topic);
  }
};

Tracer::Tracer(Parts parts, MetricsRegistry& metrics) : parts_(parts) {
  metrics.AddCallbackGauge("sluice_tracing_bytes", "Memory that what has lately happened to messages takes.", {},
                           [&ring = parts.ring] { return static_cast<double>(ring.bytes()); });
  metrics.AddCallbackGauge("sluice_tracing_one_in", "Of so many messages the steps of one are kept. 0: of none.", {},
                           [&ring = parts.ring] { return ring.on() ? static_cast<double>(ring.one_in()) : 0.0; });
  metrics.AddCallbackGauge(
      "sluice_tracing_reach_seconds",
      "How far back what has happened to messages is kept without a gap, of those that are traced.", {},
      [&ring = parts.ring, &clock = parts.clock] {
        if (!ring.on()) return 0.0;
        return std::chrono::duration<double>(clock.Now() - ring.complete_since()).count();
      });
}

absl::Status Tracer::Trace(const v1::TraceRequest& request, v1::TraceResponse& response) {
  if (request.message_id().empty() == request.topic().empty()) {
    return absl::InvalidArgumentError("exactly one of message_id and topic is to be set");
  }
  Search search{.topic = request.topic()};
  if (!request.message_id().empty()) {
    search.id = MessageId::Parse(request.message_id());
    if (!search.id) {
      return absl::InvalidArgumentError(
          absl::StrCat("message_id: '", request.message_id(), "' is none; it is a UUID, as logs and tail show it"));
    }
  } else if (absl::Status status = CheckTopicFilter(request.topic()); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("topic: ", status.message()));
  }
  const WallClock clock{.now = parts_.clock.Now(), .unix_ms = parts_.clock.UnixMillis()};
  if (request.since_ms() > 0) {
    search.not_before_unix_ms =
        clock.unix_ms - static_cast<int64_t>(std::min<uint64_t>(request.since_ms(), uint64_t{1} << 48));
  }
  Known known;
  LookIntoQueues(search, known);
  if (absl::Status status = LookIntoLetters(search, known); !status.ok()) return status;
  if (known.empty() || !search.id) response.set_journal_is_larger(LookIntoJournal(search, known));
  LookIntoSteps(search, known);
  const size_t last = request.last() == 0 ? kDefaultLast : std::min(request.last(), kMostLast);
  while (known.size() > last) {
    known.erase(known.begin());
    response.set_more(true);
  }
  AddSteps(known);
  if (absl::Status status = AddRefusedReplies(known); !status.ok()) return status;
  AddUnconfirmed(known);
  SayWhyOnDisk(known);
  if (search.id && known.empty()) return NotFound(search);
  if (parts_.ring.on()) {
    response.set_complete_since_unix_ms(clock.Milliseconds(parts_.ring.complete_since()));
    response.set_one_in(parts_.ring.one_in());
  }
  for (auto& [key, message] : known) {
    const SteadyTime complete_since = parts_.ring.on() ? parts_.ring.complete_since(message.id) : clock.now;
    ToProto(std::move(message), clock, complete_since, *response.add_messages());
  }
  return absl::OkStatus();
}

absl::Status Tracer::NotFound(const Search& search) const {
  const MessageId id = *search.id;
  std::string text = absl::StrCat("nothing is known of message ", id.ToString(),
                                  ": it stands in no queue, with no worker, in no journal and among no dead letters");
  if (!parts_.ring.on()) return absl::NotFoundError(text + ", and what has happened is not kept (tracing.keep is 0)");
  const WallClock clock{.now = parts_.clock.Now(), .unix_ms = parts_.clock.UnixMillis()};
  const int64_t since = clock.Milliseconds(parts_.ring.complete_since());
  absl::StrAppend(&text, ", and none of its steps is kept, all of which are since ", Utc(since));
  if (UnixMillisOf(id) < since) {
    absl::StrAppend(&text, "; its id was made before, at ", Utc(UnixMillisOf(id)));
  } else if (UnixMillisOf(id) < clock.Milliseconds(parts_.ring.complete_since(id))) {
    absl::StrAppend(&text, "; its steps were left out, since more than tracing.maxStepsPerSecond came");
  }
  return absl::NotFoundError(text);
}

// ------------------------------------------------------------------------------------------------ which messages

void Tracer::LookIntoSteps(const Search& search, Known& known) const {
  std::set<std::pair<uint64_t, uint64_t>> found;
  parts_.ring.Visit([&](const TracedStep& step) {
    // Replies have topics of their own.
    const bool of_reply = step.step == PassingStep::kReplied || step.step == PassingStep::kConfirmed;
    if (of_reply && !search.id) return;
    if (search.Wants(step.message_id, step.topic)) found.insert(KeyOf(step.message_id));
  });
  for (const auto& [high, low] : found) known[{high, low}].id = {high, low};
}

void Tracer::LookIntoQueues(const Search& search, Known& known) const {
  std::vector<Whereabouts> places = parts_.dispatcher.Find([&search](MessageId id, const Message* message) {
    return search.Wants(id, message == nullptr ? std::string_view() : message->topic);
  });
  for (Whereabouts& place : places) {
    KnownMessage& message = known[KeyOf(place.id)];
    message.id = place.id;
    message.whereabouts = std::move(place);
  }
}

absl::Status Tracer::LookIntoLetters(const Search& search, Known& known) const {
  if (search.id) {
    absl::StatusOr<KeptLetter> letter = parts_.letters.Get(*search.id);
    if (absl::IsNotFound(letter.status())) return absl::OkStatus();
    if (!letter.ok()) return letter.status();
    if (letter->letter.kind != StoredLetter::Kind::kMessage) return absl::OkStatus();
    KnownMessage& message = known[KeyOf(*search.id)];
    message.id = *search.id;
    message.letter = *std::move(letter);
    return absl::OkStatus();
  }
  LetterFilter filter{.kind = StoredLetter::Kind::kMessage, .topic_filter = search.topic};
  if (search.not_before_unix_ms != INT64_MIN) filter.died_after_unix_ms = search.not_before_unix_ms;
  DeadLetterStore::Position after;
  while (true) {
    absl::StatusOr<std::vector<KeptLetter>> page =
        parts_.letters.List(filter, after, {.max_entries = kLettersAtOnce, .max_payload_bytes = 0});
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    after = {.died_unix_ms = page->back().letter.died_unix_ms, .number = page->back().number};
    for (KeptLetter& letter : *page) {
      const MessageId id = letter.letter.id;
      if (!search.Wants(id, letter.letter.message->topic)) continue;
      KnownMessage& message = known[KeyOf(id)];
      message.id = id;
      message.letter = std::move(letter);
    }
    // The newest are asked for.
    while (known.size() > 2 * kMostLast) known.erase(known.begin());
  }
}

bool Tracer::LookIntoJournal(const Search& search, Known& known) const {
  if (parts_.journal == nullptr) return false;
  if (search.id) {
    // What was replayed has an old id and a new place.
    Scan(search, JustBefore(UnixMillisOf(*search.id) - kOutOfOrderMs), known);
    if (!known.empty()) return false;
  }
  return Scan(search, 0, known);
}

bool Tracer::Scan(const Search& search, RecordId after, Known& known) const {
  uint64_t bytes = 0;
  for (size_t records = 0; records < kRecordsAtMost && bytes < kBytesAtMost;) {
    std::vector<RecoveredMessage> page = parts_.journal->ReadMessages(after);
    if (page.empty()) return false;
    records += page.size();
    after = page.back().record;
    for (RecoveredMessage& read : page) {
      bytes += read.message->bytes();
      if (!search.Wants(read.id, read.message->topic)) continue;
      KnownMessage& message = known[KeyOf(read.id)];
      message.id = read.id;
      if (!message.whereabouts) message.on_disk = std::move(read);
      if (search.id) return false;
    }
  }
  return true;
}

RecordId Tracer::JustBefore(int64_t unix_ms) const {
  RecordId low = 0, high = RecordId{1} << 62;
  while (low + 1 < high) {
    const RecordId middle = low + (high - low) / 2;
    const std::vector<RecoveredMessage> next = parts_.journal->ReadMessages(middle, {.max_entries = 1, .max_bytes = 1});
    (next.empty() || UnixMillisOf(next.front().id) >= unix_ms ? high : low) = middle;
  }
  return low;
}

// ------------------------------------------------------------------------------------------------ what is known of them

void Tracer::AddSteps(Known& known) const {
  if (known.empty()) return;
  parts_.ring.Visit([&known](const TracedStep& step) {
    const auto found = known.find(KeyOf(step.message_id));
    if (found != known.end()) found->second.steps.emplace_back(step);
  });
}

absl::Status Tracer::AddRefusedReplies(Known& known) const {
  if (known.empty()) return absl::OkStatus();
  const LetterFilter filter{.kind = StoredLetter::Kind::kReply,
                            .died_after_unix_ms = UnixMillisOf(known.begin()->second.id)};
  absl::StatusOr<std::vector<KeptLetter>> page =
      parts_.letters.List(filter, {}, {.max_entries = kLettersAtOnce, .max_payload_bytes = 0});
  if (!page.ok()) return page.status();
  for (KeptLetter& letter : *page) {
    const auto found = known.find(KeyOf(letter.letter.answers));
    if (found != known.end()) found->second.refused.push_back(std::move(letter));
  }
  return absl::OkStatus();
}

void Tracer::AddUnconfirmed(Known& known) const {
  std::vector<MessageId> ids;
  ids.reserve(known.size());
  for (const auto& [key, message] : known) ids.push_back(message.id);
  const std::vector<size_t> counts = parts_.outbox.UnconfirmedOf(ids);
  size_t at = 0;
  for (auto& [key, message] : known) message.unconfirmed = counts[at++];
}

void Tracer::SayWhyOnDisk(Known& known) const {
  std::optional<std::vector<ChainLoad>> loads;
  for (auto& [key, message] : known) {
    if (!message.on_disk) continue;
    if (!loads) loads = parts_.dispatcher.ChainLoads();
    const std::string& chain = message.on_disk->chain;
    const auto load = std::ranges::find_if(*loads, [&chain](const ChainLoad& one) { return one.chain->name == chain; });
    message.on_disk_why = load != loads->end() && load->paused ? absl::StrCat("chain '", chain, "' is paused")
                          : load == loads->end() || load->workers == 0
                              ? absl::StrCat("no worker serves chain '", chain, "'")
                              : absl::StrCat("the queue of chain '", chain, "' has no room for it yet");
  }
}

}  // namespace sluice

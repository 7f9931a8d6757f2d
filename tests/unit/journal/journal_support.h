// What the journal's tests write and read back.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/journal/segment_journal.h"
#include "tests/support/memory_files.h"

namespace sluice::journal_test {

// Routes and chains to name in messages.
struct Scene {
  Scene() {
    route.id = "temperature";
    route.connection = "plant";
    chain.name = "readings";
  }
  RoutedMessage Routed(std::string_view payload, Qos qos = Qos::kAtLeastOnce) const {
    RoutedMessage routed;
    auto message = MakeMessage("plant/boiler/temp", payload);
    message->qos = qos;
    message->received_unix_ms = 1'700'000'000'123;
    routed.message = std::move(message);
    routed.route = &route;
    routed.chain = &chain;
    routed.start_node = "node3";
    routed.id = {0x018bcfe568000000, 42};
    return routed;
  }
  std::vector<RoutedMessage> Batch(const std::vector<std::string>& payloads) const {
    std::vector<RoutedMessage> batch;
    for (const std::string& payload : payloads) batch.push_back(Routed(payload));
    return batch;
  }
  OutboxEntry Reply(std::string payload, Qos qos = Qos::kAtLeastOnce) const {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = "plant/reply";
    message->payload = std::move(payload);
    message->qos = qos;
    return {std::move(message), 0, route.connection};
  }

  Route route;
  Chain chain;
};

// No thread, no surprises.
inline SegmentJournalOptions TestOptions(JournalFiles& files) {
  SegmentJournalOptions options;
  options.path = "/journal";
  options.files = &files;
  options.background = false;
  options.fsync = Fsync::kAlways;
  options.segment_bytes = 64u << 10;
  options.on_fatal = [](const std::string& text) { ADD_FAILURE() << text; };
  options.on_warning = [](const std::string& text) { ADD_FAILURE() << text; };
  return options;
}

inline std::unique_ptr<SegmentJournal> OpenJournal(SegmentJournalOptions options) {
  auto journal = SegmentJournal::Open(std::move(options));
  if (!journal.ok()) {
    ADD_FAILURE() << journal.status();
    return nullptr;
  }
  return *std::move(journal);
}

// All of them, in pages of `page`.
inline std::vector<RecoveredMessage> AllMessages(SegmentJournal& journal, size_t page = 3) {
  std::vector<RecoveredMessage> all;
  while (true) {
    auto some = journal.ReadMessages(all.empty() ? 0 : all.back().record, {.max_entries = page});
    if (some.empty()) return all;
    for (RecoveredMessage& message : some) all.push_back(std::move(message));
  }
}
inline std::vector<RecoveredReply> AllReplies(SegmentJournal& journal, size_t page = 3) {
  std::vector<RecoveredReply> all;
  while (true) {
    auto some = journal.ReadReplies(all.empty() ? 0 : all.back().record, {.max_entries = page});
    EXPECT_TRUE(some.ok()) << some.status();
    if (!some.ok() || some->empty()) return all;
    for (RecoveredReply& reply : *some) all.push_back(std::move(reply));
  }
}
inline std::vector<RecoveredDeadLetter> AllDeadLetters(SegmentJournal& journal, size_t page = 3) {
  std::vector<RecoveredDeadLetter> all;
  while (true) {
    auto some = journal.ReadDeadLetters(all.empty() ? 0 : all.back().message.record, {.max_entries = page});
    EXPECT_TRUE(some.ok()) << some.status();
    if (!some.ok() || some->empty()) return all;
    for (RecoveredDeadLetter& letter : *some) all.push_back(std::move(letter));
  }
}

// The payloads of messages or replies.
template <typename T>
std::vector<std::string> Payloads(const std::vector<T>& all) {
  std::vector<std::string> payloads;
  for (const T& each : all) payloads.emplace_back(each.message->payload);
  return payloads;
}

inline std::string PathOf(uint32_t sequence) { return "/journal/" + SegmentName(sequence); }

}  // namespace sluice::journal_test

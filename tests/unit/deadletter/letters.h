// Makes dead letters for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/deadletter/store.h"
#include "tests/support/messages.h"

namespace sluice {

struct LetterSpec {
  uint64_t id = 1;
  std::string chain = "readings";
  std::string topic = "plant/boiler/temp";
  std::string payload = "81.5";
  std::string reason = "rejected: no unit";
  int64_t died_unix_ms = 1'700'000'000'000;
};

inline StoredLetter MakeLetter(LetterSpec spec = {}) {
  StoredLetter letter;
  letter.id = {.high = 0x018bcfe568007000, .low = spec.id};
  letter.connection = "plant";
  letter.route = "temperature";
  letter.chain = std::move(spec.chain);
  letter.start_node = "node3";
  letter.message = MakeMessage({.topic = std::move(spec.topic), .payload = std::move(spec.payload)});
  letter.died_unix_ms = spec.died_unix_ms;
  letter.attempts = 5;
  letter.reason = std::move(spec.reason);
  letter.worker = "alarm/1";
  return letter;
}

inline absl::Status PutOne(LetterSink& sink, LetterSpec spec = {}) {
  const StoredLetter letter = MakeLetter(std::move(spec));
  return sink.Put({&letter, 1});
}

// The payloads of all that match, in their order, read in pages of `page`.
inline std::vector<std::string> PayloadsOf(const DeadLetterStore& store, const LetterFilter& filter = {},
                                           size_t page = 100) {
  std::vector<std::string> payloads;
  DeadLetterStore::Position after;
  while (true) {
    const auto letters = store.List(filter, after, {.max_entries = page});
    if (!letters.ok()) return {letters.status().ToString()};
    if (letters->empty()) return payloads;
    for (const KeptLetter& kept : *letters) payloads.emplace_back(kept.letter.message->payload);
    after = {letters->back().letter.died_unix_ms, letters->back().number};
  }
}

}  // namespace sluice

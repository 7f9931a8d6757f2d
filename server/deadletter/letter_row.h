// A letter as a row of the database.
#pragma once

#include <string>
#include <string_view>

#include "server/deadletter/letter.h"
#include "server/deadletter/store.h"
#include "server/sqlite/sqlite.h"

namespace sluice {

// The columns of a letter, in the order in which they are bound and read.
inline constexpr std::string_view kLetterColumns =
    "kind, id, answers, connection, route, chain, start_node, topic, qos, flags, content_type, response_topic, "
    "correlation_data, user_properties, expiry_s, received_unix_ms, died_unix_ms, attempts, reason, worker, bytes, "
    "payload";

// What is bound of a letter and stands nowhere in it. Outlives the statement's run.
struct LetterTexts {
  explicit LetterTexts(const StoredLetter& letter);

  std::string id;
  std::string answers;
  std::string user;
};

void BindLetter(sqlite::Statement& statement, const StoredLetter& letter, const LetterTexts& texts);

// A row of "number, length(payload), " and kLetterColumns.
KeptLetter ReadRow(const sqlite::Statement& row);

}  // namespace sluice

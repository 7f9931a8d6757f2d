// The database of the dead letters: its schema and all that is said to it in SQL. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/deadletter/store.h"
#include "server/sqlite/sqlite.h"

namespace sluice {

class LetterTables {
 public:
  using Position = DeadLetterStore::Position;
  using Page = DeadLetterStore::Page;
  using Totals = DeadLetterStore::Totals;

  // Makes the schema in an empty file. Errors as DeadLetterStore::Open.
  static absl::StatusOr<std::unique_ptr<LetterTables>> Open(const std::string& path);

  // Runs `change`, which calls what is below; all of it happens, or nothing.
  absl::Status Transact(absl::FunctionRef<absl::Status()> change);

  // ---- within Transact()
  absl::Status Insert(std::span<const StoredLetter> letters);
  enum class Which : uint8_t { kAll, kUnroutable };
  absl::StatusOr<uint64_t> DeleteOldest(uint64_t count, Which which);
  // At most `limit`, the oldest first. Returns how many went.
  absl::StatusOr<uint64_t> DeleteDiedBefore(int64_t unix_ms, uint64_t limit);
  absl::StatusOr<uint64_t> Delete(std::span<const int64_t> numbers);
  absl::StatusOr<uint64_t> DeleteMatching(const LetterFilter& filter, int64_t up_to_number, uint64_t limit);

  absl::StatusOr<bool> Holds(MessageId id) const;

  // ---- outside
  // Gives some of the room that removed letters had back to the file system.
  absl::Status GiveBackRoom();

  // ---- anywhere
  absl::StatusOr<std::vector<KeptLetter>> List(const LetterFilter& filter, Position after, Page page) const;
  absl::StatusOr<KeptLetter> Get(MessageId id) const;
  absl::StatusOr<uint64_t> Count(const LetterFilter& filter) const;
  absl::StatusOr<int64_t> LastNumber() const;
  const Totals& totals() const { return totals_; }

 private:
  explicit LetterTables(sqlite::Database database) : database_(std::move(database)) {}

  absl::Status SetUp();
  // Of a DELETE that returns kReturning.
  absl::StatusOr<uint64_t> RunDelete(sqlite::Statement& statement);

  sqlite::Database database_;
  Totals totals_;
};

}  // namespace sluice

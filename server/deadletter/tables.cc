#include "server/deadletter/tables.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/deadletter/letter_row.h"
#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

using sqlite::Statement;

constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kApplicationId = 0x534C444C;  // "SLDL", so that another program's file is not written to.
constexpr size_t kMaxWalBytes = 64u << 20;
constexpr int kPagesGivenBack = 4'096;

constexpr char kSchema[] = R"(
CREATE TABLE letters(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,              -- 1: a message; 2: a reply
  id TEXT NOT NULL UNIQUE,
  answers TEXT,                       -- Of a reply: the message's id, where it is known
  connection TEXT NOT NULL, route TEXT NOT NULL, chain TEXT NOT NULL, start_node TEXT NOT NULL,
  topic TEXT NOT NULL, qos INTEGER NOT NULL,
  flags INTEGER NOT NULL,             -- 1: retain; 2: dup
  content_type TEXT, response_topic TEXT, correlation_data BLOB,
  user_properties BLOB,               -- LENGTH:TEXT for each name and each value
  expiry_s INTEGER,
  received_unix_ms INTEGER NOT NULL, died_unix_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL, reason TEXT NOT NULL, worker TEXT NOT NULL,
  bytes INTEGER NOT NULL,             -- What the bound on bytes counts
  payload BLOB NOT NULL
);
CREATE INDEX letters_by_death ON letters(died_unix_ms, number);
)";
// Added later, and no other version minds it.
constexpr char kUnroutableIndex[] =
    "CREATE INDEX IF NOT EXISTS unroutable_by_death ON letters(died_unix_ms, number) WHERE kind = 1 AND chain = ''";

// What tells totals_ what has gone.
constexpr char kReturning[] = " RETURNING bytes, kind = 1 AND chain = ''";

bool IsUnroutable(const StoredLetter& letter) {
  return letter.kind == StoredLetter::Kind::kMessage && letter.chain.empty();
}

// What stands behind WHERE, and its parameters.
class Where {
 public:
  explicit Where(const LetterFilter& filter) : filter_(filter) {
    Add(filter.kind.has_value(), "kind = ?");
    Add(!filter.chain.empty(), "chain = ?");
    Add(!filter.topic_filter.empty(), "topic_matches(?, topic)");
    Add(!filter.reason.empty(), "instr(lower(reason), lower(?)) > 0");
    Add(filter.died_before_unix_ms.has_value(), "died_unix_ms < ?");
    Add(filter.died_after_unix_ms.has_value(), "died_unix_ms >= ?");
  }

  const std::string& sql() const { return sql_; }
  void Bind(Statement& statement) const {
    if (filter_.kind) statement.BindInt(static_cast<int64_t>(*filter_.kind));
    if (!filter_.chain.empty()) statement.BindText(filter_.chain);
    if (!filter_.topic_filter.empty()) statement.BindText(filter_.topic_filter);
    if (!filter_.reason.empty()) statement.BindText(filter_.reason);
    if (filter_.died_before_unix_ms) statement.BindInt(*filter_.died_before_unix_ms);
    if (filter_.died_after_unix_ms) statement.BindInt(*filter_.died_after_unix_ms);
  }

 private:
  void Add(bool wanted, const char* condition) {
    if (wanted) absl::StrAppend(&sql_, " AND ", condition);
  }

  const LetterFilter& filter_;
  std::string sql_ = "1";
};

std::string SelectColumns(std::string_view payload) {
  std::string columns(kLetterColumns.substr(0, kLetterColumns.rfind("payload")));
  return absl::StrCat("SELECT number, length(payload), ", columns, std::string(payload), " FROM letters ");
}

absl::Status AboutFile(const absl::Status& status, const std::string& path) {
  if (status.ok()) return status;
  std::string text = absl::StrCat("the dead letters' database ", path, ": ", status.message());
  if (status.code() == absl::StatusCode::kDataLoss) {
    absl::StrAppend(&text, "; move it away (with its -wal and -shm), and a new one is made");
  }
  return absl::Status(status.code(), text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LetterTables>> LetterTables::Open(const std::string& path) {
  absl::StatusOr<sqlite::Database> database = sqlite::Database::Open(path);
  if (!database.ok()) return AboutFile(database.status(), path);
  std::unique_ptr<LetterTables> tables(new LetterTables(*std::move(database)));
  if (absl::Status status = tables->SetUp(); !status.ok()) return AboutFile(status, path);
  return tables;
}

absl::Status LetterTables::SetUp() {
  const absl::StatusOr<int64_t> version = database_.SchemaVersion(kApplicationId, kSchemaVersion);
  if (!version.ok()) return version.status();
  // FULL: the journal lets go of what a transaction has taken over.
  absl::Status status = database_.Execute(
      absl::StrCat("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                   "PRAGMA journal_size_limit = ",
                   kMaxWalBytes));
  if (!status.ok()) return status;
  if (*version == 0) {
    sqlite::Transaction transaction(database_);
    if (status = transaction.Begin(); !status.ok()) return status;
    status = database_.Execute(
        absl::StrCat(kSchema, "PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", kSchemaVersion));
    if (status.ok()) status = transaction.Commit();
    if (!status.ok()) return status;
  }
  if (status = database_.DefinePredicate("topic_matches", FilterMatches); !status.ok()) return status;
  if (status = database_.Execute(kUnroutableIndex); !status.ok()) return status;
  absl::StatusOr<Statement> sums = database_.Prepare(
      "SELECT count(*), coalesce(sum(bytes), 0), count(*) FILTER (WHERE kind = 1 AND chain = ''), "
      "coalesce(sum(bytes) FILTER (WHERE kind = 1 AND chain = ''), 0) FROM letters");
  if (!sums.ok()) return sums.status();
  const absl::StatusOr<bool> row = sums->Step();
  if (!row.ok()) return row.status();
  totals_ = {.messages = static_cast<uint64_t>(sums->Int(0)),
             .bytes = static_cast<uint64_t>(sums->Int(1)),
             .unroutable_messages = static_cast<uint64_t>(sums->Int(2)),
             .unroutable_bytes = static_cast<uint64_t>(sums->Int(3))};
  return absl::OkStatus();
}

absl::Status LetterTables::Transact(absl::FunctionRef<absl::Status()> change) {
  const Totals before = totals_;
  sqlite::Transaction transaction(database_);
  absl::Status status = transaction.Begin();
  if (status.ok()) status = change();
  if (status.ok()) status = transaction.Commit();
  if (!status.ok()) totals_ = before;
  return status;
}

absl::Status LetterTables::Insert(std::span<const StoredLetter> letters) {
  absl::StatusOr<Statement> remove = database_.Prepare(absl::StrCat("DELETE FROM letters WHERE id = ?", kReturning));
  if (!remove.ok()) return remove.status();
  const size_t parameters = 1 + static_cast<size_t>(std::ranges::count(kLetterColumns, ','));
  std::string marks = "?";
  for (size_t i = 1; i < parameters; ++i) marks += ", ?";
  absl::StatusOr<Statement> insert =
      database_.Prepare(absl::StrCat("INSERT INTO letters(", std::string(kLetterColumns), ") VALUES (", marks, ")"));
  if (!insert.ok()) return insert.status();
  for (const StoredLetter& letter : letters) {
    const std::string id = letter.id.ToString();
    remove->BindText(id);
    if (absl::StatusOr<uint64_t> removed = RunDelete(*remove); !removed.ok()) return removed.status();
    remove->Reset();
    const LetterTexts texts(letter);
    BindLetter(*insert, letter, texts);
    if (absl::Status status = insert->Run(); !status.ok()) return status;
    insert->Reset();
    ++totals_.messages;
    totals_.bytes += letter.bytes();
    if (!IsUnroutable(letter)) continue;
    ++totals_.unroutable_messages;
    totals_.unroutable_bytes += letter.bytes();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LetterTables::Holds(MessageId id) const {
  absl::StatusOr<Statement> statement = database_.Prepare("SELECT 1 FROM letters WHERE id = ?");
  if (!statement.ok()) return statement.status();
  const std::string text = id.ToString();
  statement->BindText(text);
  return statement->Step();
}

absl::StatusOr<uint64_t> LetterTables::RunDelete(Statement& statement) {
  uint64_t removed = 0;
  while (true) {
    const absl::StatusOr<bool> row = statement.Step();
    if (!row.ok()) return row.status();
    if (!*row) return removed;
    ++removed;
    --totals_.messages;
    const auto bytes = static_cast<uint64_t>(statement.Int(0));
    totals_.bytes -= bytes;
    if (statement.Int(1) == 0) continue;
    --totals_.unroutable_messages;
    totals_.unroutable_bytes -= bytes;
  }
}

absl::StatusOr<uint64_t> LetterTables::DeleteOldest(uint64_t count, Which which) {
  absl::StatusOr<Statement> statement =
      database_.Prepare(absl::StrCat("DELETE FROM letters WHERE number IN (SELECT number FROM letters ",
                                     which == Which::kUnroutable ? "WHERE kind = 1 AND chain = '' " : "",
                                     "ORDER BY died_unix_ms, number LIMIT ?)", kReturning));
  if (!statement.ok()) return statement.status();
  statement->BindInt(static_cast<int64_t>(count));
  return RunDelete(*statement);
}

absl::StatusOr<uint64_t> LetterTables::DeleteDiedBefore(int64_t unix_ms, uint64_t limit) {
  absl::StatusOr<Statement> statement = database_.Prepare(
      absl::StrCat("DELETE FROM letters WHERE number IN (SELECT number FROM letters WHERE died_unix_ms < ? "
                   "ORDER BY died_unix_ms, number LIMIT ?)",
                   kReturning));
  if (!statement.ok()) return statement.status();
  statement->BindInt(unix_ms).BindInt(static_cast<int64_t>(limit));
  return RunDelete(*statement);
}

absl::StatusOr<uint64_t> LetterTables::Delete(std::span<const int64_t> numbers) {
  absl::StatusOr<Statement> statement =
      database_.Prepare(absl::StrCat("DELETE FROM letters WHERE number = ?", kReturning));
  if (!statement.ok()) return statement.status();
  uint64_t removed = 0;
  for (int64_t number : numbers) {
    statement->BindInt(number);
    const absl::StatusOr<uint64_t> one = RunDelete(*statement);
    if (!one.ok()) return one.status();
    removed += *one;
    statement->Reset();
  }
  return removed;
}

absl::StatusOr<uint64_t> LetterTables::DeleteMatching(const LetterFilter& filter, int64_t up_to_number,
                                                      uint64_t limit) {
  const Where where(filter);
  absl::StatusOr<Statement> statement = database_.Prepare(
      absl::StrCat("DELETE FROM letters WHERE number IN (SELECT number FROM letters WHERE ", where.sql(),
                   " AND number <= ? ORDER BY died_unix_ms, number LIMIT ?)", kReturning));
  if (!statement.ok()) return statement.status();
  where.Bind(*statement);
  statement->BindInt(up_to_number).BindInt(static_cast<int64_t>(limit));
  return RunDelete(*statement);
}

absl::Status LetterTables::GiveBackRoom() {
  return database_.Execute(absl::StrCat("PRAGMA incremental_vacuum(", kPagesGivenBack, ")"));
}

absl::StatusOr<std::vector<KeptLetter>> LetterTables::List(const LetterFilter& filter, Position after,
                                                           Page page) const {
  const Where where(filter);
  absl::StatusOr<Statement> statement = database_.Prepare(
      absl::StrCat(SelectColumns("substr(payload, 1, ?)"), "WHERE (died_unix_ms, number) > (?, ?) AND ", where.sql(),
                   " ORDER BY died_unix_ms, number LIMIT ?"));
  if (!statement.ok()) return statement.status();
  statement->BindInt(static_cast<int64_t>(std::min<size_t>(page.max_payload_bytes, INT32_MAX)));
  statement->BindInt(after.died_unix_ms).BindInt(after.number);
  where.Bind(*statement);
  statement->BindInt(static_cast<int64_t>(std::min<size_t>(page.max_entries, INT32_MAX)));
  std::vector<KeptLetter> letters;
  for (size_t bytes = 0; bytes < page.max_bytes;) {
    const absl::StatusOr<bool> row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    letters.push_back(ReadRow(*statement));
    bytes += letters.back().letter.bytes();
  }
  return letters;
}

absl::StatusOr<KeptLetter> LetterTables::Get(MessageId id) const {
  absl::StatusOr<Statement> statement = database_.Prepare(SelectColumns("payload") + "WHERE id = ?");
  if (!statement.ok()) return statement.status();
  const std::string text = id.ToString();
  statement->BindText(text);
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("there is no dead letter of id ", text));
  return ReadRow(*statement);
}

absl::StatusOr<uint64_t> LetterTables::Count(const LetterFilter& filter) const {
  const Where where(filter);
  absl::StatusOr<Statement> statement =
      database_.Prepare(absl::StrCat("SELECT count(*) FROM letters WHERE ", where.sql()));
  if (!statement.ok()) return statement.status();
  where.Bind(*statement);
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return static_cast<uint64_t>(statement->Int(0));
}

absl::StatusOr<int64_t> LetterTables::LastNumber() const {
  return database_.QueryInt("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'letters'");
}

}  // namespace sluice

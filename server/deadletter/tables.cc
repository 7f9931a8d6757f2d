#include "server/deadletter/tables.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/route/topic_matcher.h"

namespace sluice {
namespace {

using sqlite::Statement;

constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kApplicationId = 0x534C444C;  // "SLDL", so that another program's file is not written to.
constexpr size_t kMaxWalBytes = 64u << 20;
constexpr int kPagesGivenBack = 4'096;

// The columns of a letter, in the order in which they are bound and read.
constexpr std::string_view kColumns =
    "kind, id, answers, connection, route, chain, start_node, topic, qos, flags, content_type, response_topic, "
    "correlation_data, user_properties, expiry_s, received_unix_ms, died_unix_ms, attempts, reason, worker, bytes, "
    "payload";

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

std::string EncodeUser(const UserProperties& properties) {
  std::string encoded;
  for (const auto& [name, value] : properties) {
    absl::StrAppend(&encoded, name.size(), ":", name, value.size(), ":", value);
  }
  return encoded;
}

// What one LENGTH:TEXT holds, cut off `encoded`; nullopt at its end, or where it is damaged.
std::optional<std::string> TakeText(std::string_view& encoded) {
  size_t size = 0;
  const auto [end, error] = std::from_chars(encoded.data(), encoded.data() + encoded.size(), size);
  if (error != std::errc() || end == encoded.data() + encoded.size() || *end != ':') return std::nullopt;
  encoded.remove_prefix(static_cast<size_t>(end - encoded.data()) + 1);
  if (size > encoded.size()) return std::nullopt;
  std::string text(encoded.substr(0, size));
  encoded.remove_prefix(size);
  return text;
}

UserProperties DecodeUser(std::string_view encoded) {
  UserProperties properties;
  while (true) {
    std::optional<std::string> name = TakeText(encoded);
    std::optional<std::string> value = TakeText(encoded);
    if (!name || !value) return properties;
    properties.emplace_back(*std::move(name), *std::move(value));
  }
}

void TopicMatches(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  auto text = [&](int i) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(values[i]));
    return std::string_view(bytes == nullptr ? "" : bytes, static_cast<size_t>(sqlite3_value_bytes(values[i])));
  };
  const std::string_view filter = text(0);
  sqlite3_result_int(context, FilterMatches(filter, text(1)) ? 1 : 0);
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

void BindOptional(Statement& statement, const std::string& text) {
  text.empty() ? statement.BindNull() : statement.BindText(text);
}

void BindLetter(Statement& statement, const StoredLetter& letter, const std::string& id, const std::string& answers,
                const std::string& user) {
  static const Properties kNone;
  const Message& message = *letter.message;
  const Properties& properties = message.properties == nullptr ? kNone : *message.properties;
  statement.BindInt(static_cast<int64_t>(letter.kind)).BindText(id);
  BindOptional(statement, answers);
  statement.BindText(letter.connection);
  statement.BindText(letter.route).BindText(letter.chain).BindText(letter.start_node).BindText(message.topic);
  statement.BindInt(static_cast<int64_t>(message.qos)).BindInt((message.retain ? 1 : 0) | (message.dup ? 2 : 0));
  BindOptional(statement, properties.content_type);
  BindOptional(statement, properties.response_topic);
  properties.correlation_data ? statement.BindBlob(*properties.correlation_data) : statement.BindNull();
  user.empty() ? statement.BindNull() : statement.BindBlob(user);
  properties.expiry_s ? statement.BindInt(*properties.expiry_s) : statement.BindNull();
  statement.BindInt(message.received_unix_ms).BindInt(letter.died_unix_ms).BindInt(letter.attempts);
  statement.BindText(letter.reason).BindText(letter.worker).BindInt(static_cast<int64_t>(letter.bytes()));
  statement.BindBlob(message.payload);
}

// A row of "number, length(payload), " and kColumns.
KeptLetter ReadRow(const Statement& row) {
  KeptLetter kept{.number = row.Int(0), .payload_bytes = static_cast<uint64_t>(row.Int(1))};
  int column = 2;
  StoredLetter& letter = kept.letter;
  letter.kind = row.Int(column++) == 2 ? StoredLetter::Kind::kReply : StoredLetter::Kind::kMessage;
  letter.id = MessageId::Parse(row.Bytes(column++)).value_or(MessageId{});
  letter.answers = MessageId::Parse(row.Bytes(column++)).value_or(MessageId{});
  letter.connection = row.Text(column++);
  letter.route = row.Text(column++);
  letter.chain = row.Text(column++);
  letter.start_node = row.Text(column++);
  const std::string topic = row.Text(column++);
  const int64_t qos = std::clamp<int64_t>(row.Int(column++), 0, 2);
  const int64_t flags = row.Int(column++);
  Properties properties;
  properties.content_type = row.Text(column++);
  properties.response_topic = row.Text(column++);
  if (!row.IsNull(column)) properties.correlation_data = row.Text(column);
  properties.user = DecodeUser(row.Bytes(++column));
  if (!row.IsNull(++column)) properties.expiry_s = static_cast<uint32_t>(row.Int(column));
  const int64_t received = row.Int(++column);
  letter.died_unix_ms = row.Int(++column);
  letter.attempts = static_cast<uint32_t>(row.Int(++column));
  letter.reason = row.Text(++column);
  letter.worker = row.Text(++column);
  ++column;  // bytes
  std::shared_ptr<Message> message = MakeMessage(topic, row.Bytes(++column));
  message->qos = static_cast<Qos>(qos);
  message->retain = (flags & 1) != 0;
  message->dup = (flags & 2) != 0;
  message->received_unix_ms = received;
  if (!properties.content_type.empty() || !properties.response_topic.empty() || properties.correlation_data ||
      !properties.user.empty() || properties.expiry_s) {
    message->properties = std::make_unique<Properties>(std::move(properties));
  }
  letter.message = std::move(message);
  return kept;
}

std::string SelectColumns(std::string_view payload) {
  std::string columns(kColumns.substr(0, kColumns.rfind("payload")));
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

absl::Status LetterTables::CheckVersion() {
  const absl::StatusOr<int64_t> version = database_.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> application = database_.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> tables = database_.QueryInt("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*tables != 0 && *application != kApplicationId) {
    return absl::DataLossError("it is another program's database");
  }
  if (*version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was written by a newer version of Sluice (schema ", *version, "; this one knows ",
                     kSchemaVersion, "): run that version, or move the file away, and a new one is made"));
  }
  return absl::OkStatus();
}

absl::Status LetterTables::SetUp() {
  if (absl::Status status = CheckVersion(); !status.ok()) return status;
  // FULL: the journal lets go of what a transaction has taken over.
  absl::Status status = database_.Execute(
      absl::StrCat("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                   "PRAGMA journal_size_limit = ",
                   kMaxWalBytes));
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = database_.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == 0) {
    sqlite::Transaction transaction(database_);
    if (status = transaction.Begin(); !status.ok()) return status;
    status = database_.Execute(
        absl::StrCat(kSchema, "PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", kSchemaVersion));
    if (status.ok()) status = transaction.Commit();
    if (!status.ok()) return status;
  }
  sqlite3_create_function_v2(database_.handle(), "topic_matches", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                             TopicMatches, nullptr, nullptr, nullptr);
  absl::StatusOr<Statement> sums = database_.Prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM letters");
  if (!sums.ok()) return sums.status();
  const absl::StatusOr<bool> row = sums->Step();
  if (!row.ok()) return row.status();
  totals_ = {.messages = static_cast<uint64_t>(sums->Int(0)), .bytes = static_cast<uint64_t>(sums->Int(1))};
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
  absl::StatusOr<Statement> remove = database_.Prepare("DELETE FROM letters WHERE id = ? RETURNING bytes");
  if (!remove.ok()) return remove.status();
  const size_t parameters = 1 + static_cast<size_t>(std::ranges::count(kColumns, ','));
  std::string marks = "?";
  for (size_t i = 1; i < parameters; ++i) marks += ", ?";
  absl::StatusOr<Statement> insert =
      database_.Prepare(absl::StrCat("INSERT INTO letters(", std::string(kColumns), ") VALUES (", marks, ")"));
  if (!insert.ok()) return insert.status();
  for (const StoredLetter& letter : letters) {
    const std::string id = letter.id.ToString();
    remove->BindText(id);
    if (absl::StatusOr<uint64_t> removed = RunDelete(*remove); !removed.ok()) return removed.status();
    remove->Reset();
    const std::string user = letter.message->properties ? EncodeUser(letter.message->properties->user) : "";
    const std::string answers = letter.answers == MessageId{} ? "" : letter.answers.ToString();
    BindLetter(*insert, letter, id, answers, user);
    if (absl::Status status = insert->Run(); !status.ok()) return status;
    insert->Reset();
    ++totals_.messages;
    totals_.bytes += letter.bytes();
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> LetterTables::RunDelete(Statement& statement) {
  uint64_t removed = 0;
  while (true) {
    const absl::StatusOr<bool> row = statement.Step();
    if (!row.ok()) return row.status();
    if (!*row) return removed;
    ++removed;
    --totals_.messages;
    totals_.bytes -= static_cast<uint64_t>(statement.Int(0));
  }
}

absl::StatusOr<uint64_t> LetterTables::DeleteOldest(uint64_t count) {
  absl::StatusOr<Statement> statement = database_.Prepare(
      "DELETE FROM letters WHERE number IN (SELECT number FROM letters ORDER BY died_unix_ms, number LIMIT ?) "
      "RETURNING bytes");
  if (!statement.ok()) return statement.status();
  statement->BindInt(static_cast<int64_t>(count));
  return RunDelete(*statement);
}

absl::StatusOr<uint64_t> LetterTables::DeleteDiedBefore(int64_t unix_ms, uint64_t limit) {
  absl::StatusOr<Statement> statement = database_.Prepare(
      "DELETE FROM letters WHERE number IN (SELECT number FROM letters WHERE died_unix_ms < ? "
      "ORDER BY died_unix_ms, number LIMIT ?) RETURNING bytes");
  if (!statement.ok()) return statement.status();
  statement->BindInt(unix_ms).BindInt(static_cast<int64_t>(limit));
  return RunDelete(*statement);
}

absl::StatusOr<uint64_t> LetterTables::Delete(std::span<const int64_t> numbers) {
  absl::StatusOr<Statement> statement = database_.Prepare("DELETE FROM letters WHERE number = ? RETURNING bytes");
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
                   " AND number <= ? ORDER BY died_unix_ms, number LIMIT ?) RETURNING bytes"));
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

#include "server/addition/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sqlite/sqlite.h"

namespace sluice {
namespace {

using sqlite::Statement;

constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kApplicationId = 0x534C4144;  // "SLAD", so that another program's file is not written to.

constexpr char kSchema[] = R"(
CREATE TABLE additions(
  kind INTEGER NOT NULL,              -- 1: a route; 2: a chain; 3: a connection
  id TEXT NOT NULL,
  yaml TEXT NOT NULL,
  version INTEGER NOT NULL,
  put_unix_ms INTEGER NOT NULL,
  put_by TEXT NOT NULL,
  PRIMARY KEY(kind, id)
) WITHOUT ROWID;
CREATE TABLE versions(last INTEGER NOT NULL);  -- One row: it outlives what had that version
INSERT INTO versions VALUES (0);
)";

absl::Status AboutFile(const absl::Status& status, const std::string& path) {
  if (status.ok()) return status;
  std::string text = absl::StrCat("the database of what was put at run time, ", path, ": ", status.message());
  if (status.code() == absl::StatusCode::kDataLoss) {
    absl::StrAppend(&text, "; move it away (with its -wal and -shm), and a new one is made");
  }
  return absl::Status(status.code(), text);
}

class Store final : public AdditionStore {
 public:
  Store(sqlite::Database database, std::string path) : database_(std::move(database)), path_(std::move(path)) {}

  absl::Status SetUp() {
    const absl::StatusOr<int64_t> version = database_.SchemaVersion(kApplicationId, kSchemaVersion);
    if (!version.ok()) return version.status();
    // FULL: what is acknowledged outlives a loss of power.
    absl::Status status = database_.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    if (!status.ok() || *version != 0) return status;
    sqlite::Transaction transaction(database_);
    if (status = transaction.Begin(); !status.ok()) return status;
    status = database_.Execute(
        absl::StrCat(kSchema, "PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", kSchemaVersion));
    if (status.ok()) status = transaction.Commit();
    return status;
  }

  bool durable() const override { return path_ != ":memory:"; }

  absl::StatusOr<Content> Read() const override {
    Content content;
    const absl::StatusOr<int64_t> last = database_.QueryInt("SELECT last FROM versions");
    if (!last.ok()) return AboutFile(last.status(), path_);
    content.last_version = static_cast<uint64_t>(*last);
    absl::StatusOr<Statement> rows =
        database_.Prepare("SELECT kind, id, yaml, version, put_unix_ms, put_by FROM additions ORDER BY kind, id");
    if (!rows.ok()) return AboutFile(rows.status(), path_);
    while (true) {
      const absl::StatusOr<bool> row = rows->Step();
      if (!row.ok()) return AboutFile(row.status(), path_);
      if (!*row) return content;
      content.additions.push_back({.key = {.kind = static_cast<ItemKind>(rows->Int(0)), .id = rows->Text(1)},
                                   .yaml = rows->Text(2),
                                   .version = static_cast<uint64_t>(rows->Int(3)),
                                   .put_unix_ms = rows->Int(4),
                                   .put_by = rows->Text(5)});
    }
  }

  absl::Status Write(std::span<const StoredAddition> put, std::span<const ItemKey> removed) override {
    sqlite::Transaction transaction(database_);
    absl::Status status = transaction.Begin();
    for (const ItemKey& key : removed) {
      if (status.ok()) status = Remove(key);
    }
    for (const StoredAddition& addition : put) {
      if (status.ok()) status = Put(addition);
    }
    if (status.ok()) status = transaction.Commit();
    return AboutFile(status, path_);
  }

 private:
  absl::Status Remove(const ItemKey& key) {
    absl::StatusOr<Statement> statement = database_.Prepare("DELETE FROM additions WHERE kind = ? AND id = ?");
    if (!statement.ok()) return statement.status();
    return statement->BindInt(static_cast<int64_t>(key.kind)).BindText(key.id).Run();
  }

  absl::Status Put(const StoredAddition& addition) {
    absl::StatusOr<Statement> insert = database_.Prepare(
        "INSERT OR REPLACE INTO additions(kind, id, yaml, version, put_unix_ms, put_by) VALUES (?, ?, ?, ?, ?, ?)");
    if (!insert.ok()) return insert.status();
    insert->BindInt(static_cast<int64_t>(addition.key.kind)).BindText(addition.key.id).BindText(addition.yaml);
    insert->BindInt(static_cast<int64_t>(addition.version)).BindInt(addition.put_unix_ms).BindText(addition.put_by);
    if (absl::Status status = insert->Run(); !status.ok()) return status;
    absl::StatusOr<Statement> last = database_.Prepare("UPDATE versions SET last = max(last, ?)");
    if (!last.ok()) return last.status();
    return last->BindInt(static_cast<int64_t>(addition.version)).Run();
  }

  sqlite::Database database_;
  const std::string path_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdditionStore>> OpenAdditionStore(const std::string& path) {
  absl::StatusOr<sqlite::Database> database = sqlite::Database::Open(path);
  if (!database.ok()) return AboutFile(database.status(), path);
  auto store = std::make_unique<Store>(*std::move(database), path);
  if (absl::Status status = store->SetUp(); !status.ok()) return AboutFile(status, path);
  return store;
}

}  // namespace sluice

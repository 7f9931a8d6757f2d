// SQLite with statuses and owners. Each database is used under its store's lock.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::sqlite {

// What went wrong last on `database`: RESOURCE_EXHAUSTED (the disk is full), DATA_LOSS (it is no database, or a damaged
// one), UNAVAILABLE (locked by somebody else, unreadable, …).
absl::Status ErrorOf(sqlite3* database);

// One statement, while it runs. Parameters are bound in their order; texts and blobs must live until it is done.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  Statement& BindText(std::string_view text);
  Statement& BindBlob(std::string_view bytes);
  Statement& BindInt(int64_t number);
  Statement& BindNull();

  // True: there is a row. False: that was all.
  absl::StatusOr<bool> Step();
  // To its end, whatever rows there are.
  absl::Status Run();
  // To be bound and run again.
  void Reset();

  // Of the row, from 0. Views are valid until the next Step().
  int64_t Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string_view Bytes(int column) const;
  std::string Text(int column) const { return std::string(Bytes(column)); }
  bool IsNull(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int bound_ = 0;
};

class Database {
 public:
  // `path` is a file, made if it is not there (readable by its owner only), or ":memory:".
  static absl::StatusOr<Database> Open(const std::string& path);

  sqlite3* handle() const { return handle_.get(); }
  absl::StatusOr<Statement> Prepare(std::string_view sql) const;
  // Statements without parameters.
  absl::Status Execute(const std::string& sql) const;
  // The first column of the first row.
  absl::StatusOr<int64_t> QueryInt(std::string_view sql) const;
  // What it says of itself: PRAGMA user_version, or why this program may not write to it. DATA_LOSS: it is another
  // program's. FAILED_PRECONDITION: its schema is newer than `newest`, which a newer version of Sluice wrote.
  absl::StatusOr<int64_t> SchemaVersion(int64_t application_id, int64_t newest) const;
  // A function of SQL that says yes or no of two texts.
  using Predicate = bool (*)(std::string_view, std::string_view);
  absl::Status DefinePredicate(const char* name, Predicate predicate) const;

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Closer> handle_;
};

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(const Database& database) : database_(database) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::Status Begin();
  absl::Status Commit();

 private:
  const Database& database_;
  bool open_ = false;
};

}  // namespace sluice::sqlite

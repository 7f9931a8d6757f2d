#include "server/sqlite/sqlite.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::sqlite {
namespace {

// Somebody looks into the file with another program. Whoever calls tries again.
constexpr int kBusyTimeoutMs = 200;

// SQLite would make a file that others can read; what stands beside it takes its rights over.
absl::Status MakePrivateFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::UnavailableError(std::generic_category().message(errno));
  close(fd);
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrorOf(sqlite3* database) {
  std::string text = sqlite3_errmsg(database);
  if (const int error = sqlite3_system_errno(database); error != 0) {
    absl::StrAppend(&text, " (", std::generic_category().message(error), ")");
  }
  switch (sqlite3_errcode(database)) {
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
      return absl::ResourceExhaustedError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    default:
      return absl::UnavailableError(text);
  }
}

Statement& Statement::BindText(std::string_view text) {
  // A null pointer would be SQL's NULL.
  sqlite3_bind_text64(statement_.get(), ++bound_, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::BindInt(int64_t number) {
  sqlite3_bind_int64(statement_.get(), ++bound_, number);
  return *this;
}

Statement& Statement::BindNull() {
  sqlite3_bind_null(statement_.get(), ++bound_);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(database_);
  }
}

absl::Status Statement::Run() {
  while (true) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  bound_ = 0;
}

std::string_view Statement::Bytes(int column) const {
  // The pointer first: asking for it may convert the value, and with it its size.
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

absl::StatusOr<Database> Database::Open(const std::string& path) {
  if (path != ":memory:") {
    if (absl::Status status = MakePrivateFile(path); !status.ok()) return status;
  }
  sqlite3* handle = nullptr;
  // Used under the store's lock: SQLite needs none of its own.
  const int opened =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.handle_.reset(handle);
  if (opened != SQLITE_OK) return handle == nullptr ? absl::ResourceExhaustedError("no memory") : ErrorOf(handle);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK) {
    return ErrorOf(handle_.get());
  }
  return Statement(handle_.get(), statement);
}

absl::Status Database::Execute(const std::string& sql) const {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return ErrorOf(handle_.get());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Database::QueryInt(std::string_view sql) const {
  absl::StatusOr<Statement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return *row ? statement->Int(0) : 0;
}

absl::StatusOr<int64_t> Database::SchemaVersion(int64_t application_id, int64_t newest) const {
  const absl::StatusOr<int64_t> version = QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> application = QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> tables = QueryInt("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*tables != 0 && *application != application_id) {
    return absl::DataLossError("it is another program's database");
  }
  if (*version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was written by a newer version of Sluice (schema ", *version, "; this one knows ", newest,
                     "): run that version, or move the file away, and a new one is made"));
  }
  return *version;
}

absl::Status Database::DefinePredicate(const char* name, Predicate predicate) const {
  const auto call = [](sqlite3_context* context, int /*count*/, sqlite3_value** values) {
    const auto text = [&](int i) {
      const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(values[i]));
      return std::string_view(bytes == nullptr ? "" : bytes, static_cast<size_t>(sqlite3_value_bytes(values[i])));
    };
    const auto function = reinterpret_cast<Predicate>(sqlite3_user_data(context));
    const std::string_view first = text(0);
    sqlite3_result_int(context, function(first, text(1)) ? 1 : 0);
  };
  const int defined = sqlite3_create_function_v2(handle_.get(), name, 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                                 reinterpret_cast<void*>(predicate), call, nullptr, nullptr, nullptr);
  return defined == SQLITE_OK ? absl::OkStatus() : ErrorOf(handle_.get());
}

Transaction::~Transaction() {
  // After some errors SQLite has rolled it back itself.
  if (open_ && sqlite3_get_autocommit(database_.handle()) == 0) static_cast<void>(database_.Execute("ROLLBACK"));
}

absl::Status Transaction::Begin() {
  absl::Status status = database_.Execute("BEGIN IMMEDIATE");
  open_ = status.ok();
  return status;
}

absl::Status Transaction::Commit() {
  absl::Status status = database_.Execute("COMMIT");
  if (status.ok()) open_ = false;
  return status;
}

}  // namespace sluice::sqlite

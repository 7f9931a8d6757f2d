// dlq export and dlq import: dead letters as lines of JSON, with all of their payloads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <istream>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"
#include "server/message/message_id.h"
#include "server/message/topic.h"

namespace sluice::ctl {
namespace {

constexpr char kStandard[] = "-";
// Of 256 MiB of payload in base64, and what stands around it.
constexpr size_t kLongestLine = 400u << 20;

absl::Status FileError(const std::string& path, const std::string& what, int error) {
  return absl::UnavailableError(path + ": " + what + ": " + std::generic_category().message(error));
}

// A file that appears under its name when it is whole, so that a backup is never half a one. The owner's alone.
// Where a link stands under the name, its file is replaced; what is no regular file, such as a pipe or a terminal, is
// written to as it is.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)) {}
  ~NewFile() {
    if (fd_ < 0) return;
    close(fd_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  absl::Status Open() {
    struct stat is_there;
    if (stat(path_.c_str(), &is_there) == 0) {
      if (!S_ISREG(is_there.st_mode)) {
        fd_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return fd_ >= 0 ? absl::OkStatus() : FileError(path_, "cannot be opened", errno);
      }
      std::error_code error;
      target_ = std::filesystem::canonical(path_, error).string();
      if (error) return FileError(path_, "cannot be made", error.value());
    } else {
      target_ = path_;
    }
    temporary_ = target_ + ".part-XXXXXX";
    fd_ = mkostemp(temporary_.data(), O_CLOEXEC);  // Mode 0600.
    return fd_ >= 0 ? absl::OkStatus() : FileError(path_, "cannot be made", errno);
  }
  absl::Status Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return FileError(path_, "cannot be written", errno);
      text.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  absl::Status Finish() {
    if (temporary_.empty()) return absl::OkStatus();
    if (fsync(fd_) != 0) return FileError(path_, "cannot be written", errno);
    close(std::exchange(fd_, -1));
    if (rename(temporary_.c_str(), target_.c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    unlink(temporary_.c_str());
    return FileError(path_, "cannot be made", error);
  }

 private:
  const std::string path_;
  // Of a regular file: its own name, and the one it has until it is whole. Else empty.
  std::string target_;
  std::string temporary_;
  int fd_ = -1;
};

using WriteText = std::function<absl::Status(const std::string& text)>;

// Pages through all that match, with their payloads: about 1 MiB, or one large letter, at a time.
absl::StatusOr<uint64_t> Export(AdminClient& client, const ExportCommand& command, const WriteText& write_text) {
  uint64_t exported = 0;
  v1::ListDeadLettersRequest request;
  *request.mutable_filter() = command.filter;
  request.set_page_size(kLettersAtOnce);
  request.set_payload_bytes(std::numeric_limits<uint32_t>::max());
  while (true) {
    const absl::StatusOr<v1::ListDeadLettersResponse> page = client.List(request);
    if (!page.ok()) return page.status();
    for (const v1::DeadLetter& letter : page->dead_letters()) {
      if (absl::Status written = write_text(ToJson(letter, true)); !written.ok()) return written;
      ++exported;
    }
    if (page->next_page_token().empty()) return exported;
    request.set_page_token(page->next_page_token());
  }
}

// The letters of a file, one at a time, with their line numbers.
class LetterFile {
 public:
  // `standard` is read where the path is "-".
  LetterFile(std::string path, std::istream& standard) : path_(std::move(path)), standard_(standard) {}

  // It can be read only once.
  bool is_standard() const { return path_ == kStandard; }

  // Before Next(), and again to begin anew.
  absl::Status Open() {
    if (is_standard()) return absl::OkStatus();
    line_ = 0;
    // A pipe would be empty the second time.
    std::error_code error;
    const std::filesystem::file_status found = std::filesystem::status(path_, error);
    if (std::filesystem::is_directory(found)) return FileError(path_, "cannot be read", EISDIR);
    if (std::filesystem::exists(found) && !std::filesystem::is_regular_file(found)) {
      return absl::InvalidArgumentError(path_ + ": is no regular file; what comes out of a pipe is read with '-'");
    }
    errno = 0;
    file_ = std::ifstream(path_, std::ios::binary);
    if (!file_.is_open()) return FileError(path_, "cannot be read", errno);
    return absl::OkStatus();
  }
  // False: there is no other one.
  absl::StatusOr<bool> Next(v1::DeadLetter& letter) {
    letter.Clear();
    std::istream& in = is_standard() ? standard_ : file_;
    while (std::getline(in, text_)) {
      ++line_;
      if (text_.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (text_.size() > kLongestLine) return Junk("is too long");
      if (absl::Status read = FromJson(text_, letter); !read.ok()) return Junk(std::string(read.message()));
      if (absl::Status whole = CheckWhole(letter); !whole.ok()) return whole;
      return true;
    }
    if (in.bad()) return FileError(path_, "cannot be read", EIO);
    return false;
  }

 private:
  absl::Status Junk(const std::string& why) const {
    return absl::InvalidArgumentError(path_ + ":" + std::to_string(line_) +
                                      ": no dead letter as dlq export writes it: " + why);
  }
  absl::Status CheckWhole(const v1::DeadLetter& letter) const {
    if (letter.id().empty()) return Junk("'id' is missing");
    for (const auto& [field, id] : {std::pair("id", &letter.id()), std::pair("answers", &letter.answers())}) {
      if (!id->empty() && !MessageId::Parse(*id)) {
        return Junk("'" + std::string(field) + "' is no id; one looks like 01890a5d-ac96-774b-bcce-b302099a8057");
      }
    }
    if (letter.kind() == v1::DEAD_LETTER_KIND_UNSPECIFIED) return Junk("'kind' is missing");
    // A packet that was malformed has none, and no route.
    const bool has_none = letter.kind() == v1::DEAD_LETTER_KIND_MESSAGE && letter.route().empty();
    if (letter.topic().empty() && !has_none) return Junk("'topic' is missing");
    if (!letter.topic().empty()) {
      if (absl::Status topic = CheckTopicName(letter.topic()); !topic.ok()) {
        return Junk("'topic' " + std::string(topic.message()));
      }
    }
    if (letter.qos() > 2) return Junk("'qos' is " + std::to_string(letter.qos()) + "; allowed: 0, 1 or 2");
    if (letter.payload().size() != letter.payload_bytes()) {
      return Junk("'payload' is not all of it (dlq list gives no payloads, dlq export does)");
    }
    return absl::OkStatus();
  }

  const std::string path_;
  std::istream& standard_;
  std::ifstream file_;
  std::string text_;
  uint64_t line_ = 0;
};

// The whole file, before anything of it is sent. Returns how many there are.
absl::StatusOr<uint64_t> Check(LetterFile& file) {
  if (absl::Status opened = file.Open(); !opened.ok()) return opened;
  v1::DeadLetter letter;
  uint64_t letters = 0;
  while (true) {
    const absl::StatusOr<bool> more = file.Next(letter);
    if (!more.ok()) return more.status();
    if (!*more) return letters;
    ++letters;
  }
}

}  // namespace

int RunExport(AdminClient& client, const ExportCommand& command, bool json, const Console& console) {
  if (command.path == kStandard) {
    const absl::StatusOr<uint64_t> exported = Export(client, command, [&console](const std::string& text) {
      console.out << text << std::flush;
      return console.out.good() ? absl::OkStatus() : absl::UnavailableError("standard output cannot be written");
    });
    if (!exported.ok()) return Fail(exported.status(), console);
    if (*exported == 0) return SayIfNoSuchChain(client, command.filter, console).value_or(kOk);
    return kOk;
  }
  NewFile file(command.path);
  if (absl::Status opened = file.Open(); !opened.ok()) return Fail(opened, console);
  const absl::StatusOr<uint64_t> exported =
      Export(client, command, [&file](const std::string& text) { return file.Write(text); });
  if (!exported.ok()) return Fail(exported.status(), console);
  if (*exported == 0) {
    if (const std::optional<int> exit = SayIfNoSuchChain(client, command.filter, console)) return *exit;
  }
  if (absl::Status finished = file.Finish(); !finished.ok()) return Fail(finished, console);
  if (json) {
    console.out << "{\"exported\":" << *exported << "}\n";
  } else {
    console.out << Count(*exported, "dead letter") << " written to " << Printable(command.path) << "\n";
  }
  return kOk;
}

int RunImport(AdminClient& client, const ImportCommand& command, bool json, const Console& console) {
  LetterFile file(command.path, console.in);
  if (file.is_standard()) {
    // Nothing is known of what comes later.
  } else if (const absl::StatusOr<uint64_t> letters = Check(file); !letters.ok())
    return Fail(letters.status(), console);
  if (absl::Status opened = file.Open(); !opened.ok()) return Fail(opened, console);
  absl::Status trouble;
  const auto response = client.Import([&](v1::DeadLetter& letter) {
    const absl::StatusOr<bool> more = file.Next(letter);
    if (!more.ok()) trouble = more.status();
    return more.ok() && *more;
  });
  if (!trouble.ok()) {
    if (response.ok()) console.err << response->imported() << " imported before the line that is wrong\n";
    return Fail(trouble, console);
  }
  if (!response.ok()) {
    return Fail(
        absl::Status(response.status().code(), std::string(response.status().message()) +
                                                   " (what was imported before stays; the same command goes on)"),
        console);
  }
  if (json) {
    console.out << ToJson(*response, true);
  } else {
    console.out << Count(response->imported(), "dead letter") << " imported, " << response->present()
                << " there already\n";
    for (const v1::DeadLetterFailure& failure : response->failures()) {
      console.err << failure.id() << ": " << Printable(failure.message()) << "\n";
    }
    if (response->failed() > 0) console.err << "sluicectl: " << response->failed() << " not imported\n";
  }
  return response->failed() == 0 ? kOk : kFailure;
}

}  // namespace sluice::ctl

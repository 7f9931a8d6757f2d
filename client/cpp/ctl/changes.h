// What a change of the configuration comes to, and what it is read from; for the commands that make one.
#pragma once

#include <iterator>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/console.h"
#include "client/cpp/ctl/files.h"
#include "client/cpp/ctl/text.h"
#include "server/message/utf8.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {

// A line each: "~ route 'temp' (to.path): for messages that come from then on".
template <typename Response>
std::string ChangesOf(const Response& response) {
  std::string text;
  for (const v1::ConfigurationChange& change : response.changes()) {
    const std::string& kind = change.kind();
    text += kind == "added" ? "+ " : kind == "removed" ? "- " : "~ ";
    text += Printable(change.subject());
    if (!change.keys().empty()) text += " (" + Printable(change.keys()) + ")";
    text += (change.needs_restart() ? ": NEEDS A RESTART: " : ": ") + Printable(change.effect()) + "\n";
  }
  return text;
}

template <typename Texts>
void SayWarnings(const Texts& warnings, const Console& console) {
  for (const std::string& warning : warnings) console.err << Printable(warning) << " (warning)\n";
}

// A request could not carry it otherwise.
inline absl::Status CheckUtf8(const std::string& name, std::string_view text) {
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    if (!IsUtf8(text.substr(0, end))) {
      return absl::InvalidArgumentError(name + " is no text in UTF-8 (line " + std::to_string(line) +
                                        "); iconv converts a text of another encoding");
    }
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return absl::OkStatus();
}

// "-" is standard input. `out`: set_name() and set_yaml().
template <typename Message>
absl::Status ReadInto(const std::string& path, const Console& console, Message& out) {
  const bool standard = path == "-";
  absl::StatusOr<std::string> text =
      standard ? std::string(std::istreambuf_iterator<char>(console.in), {}) : ReadNamedFile("", path);
  if (!text.ok()) return text.status();
  const std::string name = standard ? "standard input" : Printable(path);
  if (absl::Status status = CheckUtf8(standard ? name : "'" + name + "'", *text); !status.ok()) return status;
  out.set_name(name);
  out.set_yaml(*std::move(text));
  return absl::OkStatus();
}

// Of a change that was refused.
inline int FailUnchanged(const absl::Status& status, const Console& console) {
  Fail(status, console);
  console.err << "sluicectl: nothing has changed\n";
  return kFailure;
}

}  // namespace sluice::ctl

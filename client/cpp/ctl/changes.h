// What a change of the configuration comes to, and what it is read from; for the commands that make one.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/cpp/ctl/console.h"
#include "client/cpp/ctl/text.h"
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

// "-" is standard input. `out`: set_name() and set_yaml().
template <typename Message>
absl::Status ReadInto(const std::string& path, const Console& console, Message& out) {
  if (path == "-") {
    out.set_name("standard input");
    out.set_yaml(std::string(std::istreambuf_iterator<char>(console.in), {}));
    return absl::OkStatus();
  }
  std::ifstream file(path, std::ios::binary);
  out.set_name(path);
  out.set_yaml(std::string(std::istreambuf_iterator<char>(file), {}));
  return file ? absl::OkStatus() : absl::InvalidArgumentError("cannot read '" + path + "'");
}

// Of several lines, each as it is.
inline int FailWithLines(const absl::Status& status, const Console& console) {
  std::string_view rest(status.message().data(), status.message().size());
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    console.err << "sluicectl: " << Printable(rest.substr(0, end)) << "\n";
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return kFailure;
}

// Of a change that was refused.
inline int FailUnchanged(const absl::Status& status, const Console& console) {
  FailWithLines(status, console);
  console.err << "sluicectl: nothing has changed\n";
  return kFailure;
}

}  // namespace sluice::ctl

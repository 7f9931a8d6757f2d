#include "server/trial/trial_text.h"

#include <string_view>

namespace sluice {
namespace {

constexpr size_t kLabel = 14;
constexpr size_t kMostPayload = 200;

void Line(std::string& out, std::string_view label, std::string_view value) {
  out += "  ";
  out += label;
  out.append(label.size() < kLabel ? kLabel - label.size() : 1, ' ');
  out += value;
  out += '\n';
}

// Control characters as \xNN, so that a terminal stays as it is.
std::string Safe(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string safe;
  for (const char c : text.substr(0, kMostPayload)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      safe += c;
    } else {
      safe += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 0xf];
    }
  }
  return text.size() > kMostPayload ? safe + "…" : safe;
}

}  // namespace

bool TestPassed(const v1::TestRoutesRequest& request, const v1::TestRoutesResponse& response) {
  bool passed = response.matches_size() > 0;
  for (const v1::RouteMatch& match : response.matches()) {
    passed = passed && match.refusal().empty() && (request.reply_topic().empty() || match.reply_permitted());
  }
  return passed;
}

std::string DescribeTest(const v1::TestRoutesRequest& request, const v1::TestRoutesResponse& response) {
  if (response.matches_size() == 0) return "no route takes '" + Safe(request.topic()) + "'\n";
  std::string out;
  for (const v1::RouteMatch& match : response.matches()) {
    out += "route " + Safe(match.route()) + "\n";
    Line(out, "subscription",
         Safe(match.subscription()) + " at QoS " + std::to_string(match.qos()) + ", on connection " +
             Safe(match.connection()));
    if (match.refusal().empty()) {
      const std::string node = match.start_node().empty() ? "" : ", from node " + Safe(match.start_node());
      Line(out, "chain", Safe(match.chain()) + node);
      Line(out, "ordering key", match.ordering_key().empty() ? "none: in any order" : Safe(match.ordering_key()));
    } else {
      Line(out, "chain", "NONE: a dead letter, or at QoS 0 dropped: " + Safe(match.refusal()));
    }
    std::string processors;
    for (const std::string& processor : match.processors()) processors += (processors.empty() ? "" : ", ") + processor;
    if (!processors.empty()) Line(out, "processors", Safe(processors));
    if (!match.data_type().empty()) Line(out, "data type", match.data_type());
    if (!match.payload().empty()) Line(out, "payload", Safe(match.payload()));
    if (request.reply_topic().empty()) continue;
    Line(out, "reply",
         match.reply_permitted() ? "may go to '" + Safe(request.reply_topic()) + "'"
                                 : "DENIED: " + Safe(match.reply_refusal()));
  }
  return out;
}

}  // namespace sluice

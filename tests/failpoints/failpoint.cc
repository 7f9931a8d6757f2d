#include "tests/failpoints/failpoint.h"

#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

// In the order of a message's path.
constexpr std::pair<std::string_view, Point> kNames[] = {
    {"journal.append.before", Point::kAppendBefore},
    {"journal.append.after", Point::kAppendAfter},
    {"intake.handed_over", Point::kHandedOver},
    {"journal.settle.before", Point::kSettleBefore},
    {"journal.settle.after", Point::kSettleAfter},
    {"egress.published", Point::kPublished},
    {"egress.confirmed.before_record", Point::kConfirmedBeforeRecord},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Failpoint>> Failpoint::Parse(std::string_view text) {
  if (text.empty()) return std::unique_ptr<Failpoint>(new Failpoint(Point::kAppendBefore, 0));
  const size_t colon = text.find(':');
  uint64_t count = 1;
  if (colon != std::string_view::npos) {
    const std::string number(text.substr(colon + 1));
    if (!absl::SimpleAtoi(number, &count) || count == 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", number, "' is no count from 1"));
    }
  }
  std::string known;
  for (const auto& [name, point] : kNames) {
    if (name == text.substr(0, colon)) return std::unique_ptr<Failpoint>(new Failpoint(point, count));
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(name));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no failpoint is called '", std::string(text.substr(0, colon)), "'; there are: ", known));
}

void Failpoint::Reach(Point point) {
  if (point != point_) return;
  uint64_t left = left_;
  do {
    if (left == 0) return;
  } while (!left_.compare_exchange_weak(left, left - 1));
  if (left > 1) return;
  // The whole process, whichever thread this is.
  kill(getpid(), SIGKILL);
  while (true) pause();
}

}  // namespace sluice

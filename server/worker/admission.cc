#include "server/worker/admission.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/message/utf8.h"

namespace sluice {
namespace {

// A refusal explains itself with at most this many known chains; and only the first refusals of a Hello and names of
// moderate size are compared, so that a long Hello costs little.
constexpr size_t kNamesShown = 5;
constexpr size_t kNamesCompared = 200;
constexpr size_t kRefusalsExplained = 8;
constexpr size_t kLongestCompared = 64;
constexpr size_t kLongestReason = 400;

// Levenshtein.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// The known name that `name` is likely meant to be; empty: none is near.
std::string Nearest(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
  if (name.size() > kLongestCompared) return best;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLongestCompared) continue;
    size_t distance = EditDistance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string WhyUnknown(std::string_view name, const ChainDirectory& chains) {
  std::vector<std::string> known = chains.Names(kNamesCompared);
  if (known.empty()) return "no route names this chain; the gateway has no chain yet";
  std::string reason = "no route names this chain";
  if (std::string nearest = Nearest(name, known); !nearest.empty()) {
    absl::StrAppend(&reason, "; did you mean '", nearest, "'?");
  } else {
    bool more = known.size() > kNamesShown;
    known.resize(std::min(known.size(), kNamesShown));
    absl::StrAppend(&reason, "; known are '", absl::StrJoin(known, "', '"), more ? "' and others" : "'");
  }
  return std::string(CutUtf8(reason, kLongestReason));
}

}  // namespace

absl::StatusOr<Admission> Admit(const Hello& hello, const AdmissionRules& rules, const Grants* grants) {
  if (hello.min_protocol_version > hello.max_protocol_version) {
    return absl::InvalidArgumentError(absl::StrCat("hello: min_protocol_version ", hello.min_protocol_version,
                                                   " is above max_protocol_version ", hello.max_protocol_version));
  }
  if (hello.min_protocol_version > kProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the worker speaks protocol versions ",
                                                      hello.min_protocol_version, " to ", hello.max_protocol_version,
                                                      ", this gateway speaks version ", kProtocolVersion));
  }
  Admission admission;
  const Admission::Refused* denied = nullptr;
  admission.refused.reserve(hello.chains.size());
  for (const std::string& name : hello.chains) {
    if (grants != nullptr && !grants->MayServe(name)) {
      // Whether there is such a chain is not this worker's business.
      admission.refused.push_back({name, "no rule permits this worker to serve the chain"});
      denied = &admission.refused.back();
      continue;
    }
    ChainRef chain = rules.chains.Find(name);
    // What a message had named first is from now on a worker's name.
    if (chain != nullptr) chain = rules.chains.ForWorker(name);
    const bool unknown = chain == nullptr;
    std::string reason;
    if (chain == nullptr && rules.may_create && rules.may_create(name)) {
      chain = rules.chains.ForWorker(name);
      reason = absl::StrCat("workers have named ", ChainDirectory::kMostOfWorkers, " chains already");
    } else if (chain == nullptr && admission.refused.size() < kRefusalsExplained) {
      reason = WhyUnknown(name, rules.chains);
    } else if (chain == nullptr) {
      reason = "no route names this chain";
    }
    if (chain == nullptr) {
      admission.refused.push_back({name, std::move(reason), unknown});
    } else if (std::find(admission.accepted.begin(), admission.accepted.end(), chain) == admission.accepted.end()) {
      admission.accepted.push_back(chain);
    }
  }
  if (admission.accepted.empty() && denied != nullptr) {
    return absl::PermissionDeniedError(absl::StrCat("chain '", denied->chain, "': ", denied->reason));
  }
  if (admission.accepted.empty()) {
    const Admission::Refused& first = admission.refused.front();
    return absl::FailedPreconditionError(
        absl::StrCat("no chain of hello is accepted: '", first.chain, "': ", first.reason));
  }
  return admission;
}

}  // namespace sluice

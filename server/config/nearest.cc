#include "server/config/nearest.h"

#include <algorithm>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kMaxWord = 256;  // The effort grows with the square.

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  auto same = [](char x, char y) { return text::ToLower(x) == text::ToLower(y); };
  std::vector<size_t> before(b.size() + 1);  // Row i - 2.
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, previous);
    std::swap(previous, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1)});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kMaxWord) return {};
  size_t best = std::min<size_t>(word.size() / 3, 4) + 1;
  std::string_view nearest;
  for (std::string_view candidate : candidates) {
    if (candidate.size() > kMaxWord) continue;
    const size_t distance = EditDistance(word, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  if (!nearest.empty() || word.size() < 3) return nearest;
  auto longer = std::find_if(candidates.begin(), candidates.end(), [&](std::string_view candidate) {
    if (candidate.starts_with(word)) return true;
    return candidate.size() > word.size() &&
           text::EqualsIgnoreCase(candidate.substr(candidate.size() - word.size()), word);  // "keyFile": certKeyFile.
  });
  return longer == candidates.end() ? std::string_view{} : *longer;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : text::Concat(" (did you mean '", nearest, "'?)");
}

}  // namespace sluice

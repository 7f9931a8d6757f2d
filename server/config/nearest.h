// Which known word a misspelt one was probably meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

// How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b` of `a`; case does
// not count (optimal string alignment).
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate with the smallest distance, the first of equals, if it is within a third of the word's length (at most
// 4); else the first that `word`, of at least 3 letters, begins or ends; else empty: no advice is better than wild
// advice.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// " (did you mean 'WORD'?)", or empty.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice

// What is done with arbitrary bytes in the place of a journal's segments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Opens, salvages, reads, writes and opens again what the input makes of a journal; aborts where a promise is broken.
void RunJournalInput(std::string_view input);
std::vector<std::string> JournalSeeds();

}  // namespace sluice

// Where YAML that a parser gave up on went wrong: often lines above the place where the parser noticed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/config/diagnostic.h"

namespace sluice {

struct YamlTrouble {
  Position at;
  std::string message;  // Shows nothing of the text but a bracket.
};

// The tab that stands where line `line` of `text` (from 1) is indented, if there is one.
std::optional<YamlTrouble> TabInIndentation(std::string_view text, int line);

// The first bracket of `text` that is closed by none, or by one of the other kind. Knows quotes, comments and blocks.
std::optional<YamlTrouble> UnclosedBracket(std::string_view text);

// The quote that begins above line `line` of `text` and is closed in it only: mostly by what was to begin another text.
std::optional<YamlTrouble> QuoteOverLines(std::string_view text, int line);

}  // namespace sluice

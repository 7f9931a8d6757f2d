#include "server/config/yaml_trouble.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {
namespace {

Position PositionOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_end = before.rfind('\n');
  const size_t line_begin = line_end == std::string_view::npos ? 0 : line_end + 1;
  return {.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          .column = static_cast<int>(offset - line_begin) + 1};
}

// Reads a text only as far as is needed to find its brackets.
class BracketScanner {
 public:
  explicit BracketScanner(std::string_view text) : text_(text) {}

  std::optional<YamlTrouble> Scan() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++at_;
        token_begins_ = true;
        line_begin_ = at_;
      } else if (c == ' ' || c == '\t' || c == '\r') {
        ++at_;
      } else if (c == '#' && (at_ == line_begin_ || IsBlank(text_[at_ - 1]))) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (token_begins_ && (c == '"' || c == '\'')) {
        SkipQuoted(c);
      } else if (token_begins_ && (c == '&' || c == '!' || c == '*')) {
        SkipWord();
      } else if (token_begins_ && open_.empty() && (c == '|' || c == '>')) {
        SkipBlock();
      } else if ((c == '{' || c == '[') && (token_begins_ || !open_.empty())) {
        open_.push_back(at_++);
        token_begins_ = true;
      } else if ((c == '}' || c == ']') && !open_.empty()) {
        if (text_[open_.back()] != (c == '}' ? '{' : '[')) return Unclosed(open_.back());
        open_.pop_back();
        ++at_;
        token_begins_ = false;
      } else {
        token_begins_ = BeginsToken(c);
        ++at_;
      }
    }
    if (open_.empty()) return std::nullopt;
    return Unclosed(open_.front());
  }

  // After Scan(): of each quoted text that goes over a line's end, where its quotes stand.
  struct LongQuote {
    size_t begin;
    size_t end;
  };
  const std::vector<LongQuote>& long_quotes() const { return long_quotes_; }

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  // Whether a value, rather than more of the same, follows `c`, which stands at at_.
  bool BeginsToken(char c) const {
    const bool before_blank = at_ + 1 >= text_.size() || IsBlank(text_[at_ + 1]);
    if (c == ',') return !open_.empty();
    if (c == ':') return before_blank || !open_.empty();
    return (c == '-' || c == '?') && before_blank && token_begins_;
  }

  void SkipQuoted(char quote) {
    const size_t begin = at_;
    for (++at_; at_ < text_.size(); ++at_) {
      if (quote == '"' && text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote) {
        if (quote == '"' || at_ + 1 >= text_.size() || text_[at_ + 1] != '\'') break;
        ++at_;
      }
    }
    if (at_ < text_.size() && text::Contains(text_.substr(begin, at_ - begin), "\n"))
      long_quotes_.push_back({begin, at_});
    at_ = std::min(at_ + 1, text_.size());
    token_begins_ = false;
  }

  // An anchor, a tag or an alias; a value may follow.
  void SkipWord() {
    while (at_ < text_.size() && !IsBlank(text_[at_]) && !text::Contains(",[]{}", text_.substr(at_, 1))) ++at_;
  }

  // The lines of a literal or folded block: those that are indented deeper than the line that begins it.
  void SkipBlock() {
    const auto indentation = [this](size_t line) {
      size_t first = line;
      while (first < text_.size() && text_[first] == ' ') ++first;
      return first - line;
    };
    const size_t outer = indentation(line_begin_);
    while (true) {
      const size_t line_end = text_.find('\n', at_);
      if (line_end == std::string_view::npos) {
        at_ = text_.size();
        return;
      }
      const size_t next = line_end + 1;
      const size_t first = next + indentation(next);
      const bool empty = first >= text_.size() || text_[first] == '\n' || text_[first] == '\r';
      if (!empty && first - next <= outer) {
        at_ = line_end;
        return;
      }
      at_ = next;
      line_begin_ = next;
    }
  }

  YamlTrouble Unclosed(size_t bracket) const {
    return {.at = PositionOf(text_, bracket),
            .message = text::Concat("the '", text_.substr(bracket, 1),
                                    "' that begins here is not closed (or a quote behind it is not)")};
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t line_begin_ = 0;
  bool token_begins_ = true;
  std::vector<size_t> open_;  // Where brackets stand that are not closed yet.
  std::vector<LongQuote> long_quotes_;
};

}  // namespace

std::optional<YamlTrouble> TabInIndentation(std::string_view text, int line) {
  size_t at = 0;
  for (int i = 1; i < line; ++i) {
    at = text.find('\n', at);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  // The '-' of a list's item is part of what its map is indented by.
  for (; at < text.size() && text::Contains(" \t-", text.substr(at, 1)); ++at) {
    if (text[at] != '\t') continue;
    return YamlTrouble{.at = PositionOf(text, at), .message = "a tab in the indentation, where YAML takes blanks only"};
  }
  return std::nullopt;
}

std::optional<YamlTrouble> UnclosedBracket(std::string_view text) { return BracketScanner(text).Scan(); }

std::optional<YamlTrouble> QuoteOverLines(std::string_view text, int line) {
  BracketScanner scanner(text);
  // A bracket that is not closed may well be the quote's doing.
  static_cast<void>(scanner.Scan());
  for (const BracketScanner::LongQuote& quote : scanner.long_quotes()) {
    if (PositionOf(text, quote.end).line != line) continue;
    return YamlTrouble{.at = PositionOf(text, quote.begin),
                       .message = text::Concat("the quote that begins here is closed in line ", line,
                                               " only; is one missing between?")};
  }
  return std::nullopt;
}

}  // namespace sluice

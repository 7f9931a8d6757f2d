#include "server/config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "server/config/yaml_trouble.h"
#include "server/message/topic.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// More than any configuration needs; aliases of aliases grow exponentially.
constexpr size_t kMaxValues = 100'000;

// Stands behind the text, as a comment. yaml-cpp does not mind a quote that is never closed; a value that has
// swallowed this gives it away.
constexpr std::string_view kEnd = "# the end of the configuration, which no value may hold";

Position ToPosition(const YAML::Mark& mark) {
  return mark.is_null() ? Position{.line = 1, .column = 1} : Position{.line = mark.line + 1, .column = mark.column + 1};
}

// Leaves the parser; ends in ParseDocument.
class DocumentError : public std::runtime_error {
 public:
  enum class Cause { kAsItSays, kMaybeABracket };
  DocumentError(Position position, const std::string& message, Cause why = Cause::kAsItSays)
      : std::runtime_error(message), at(position), cause(why) {}
  Position at;
  Cause cause;
};

// Builds the tree from the parser's events. Events are used rather than yaml-cpp's nodes because these have no
// position of their own for empty values, share what aliases name, and may hold cycles.
class TreeBuilder final : public YAML::EventHandler {
 public:
  Value Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.at = ToPosition(mark);
    Complete(std::move(value), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    const Position at = ToPosition(mark);
    if (text::Contains(value, kEnd)) throw DocumentError(at, "a quote that is not closed");
    if (absl::Status status = CheckMqttString(value); !status.ok()) {
      throw DocumentError(at, text::Concat("this value ", text::Message(status)));
    }
    Complete(Value::Scalar(value, at), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto named = anchors_.find(anchor);
    if (named == anchors_.end()) throw DocumentError(ToPosition(mark), "an alias (*name) within what it names");
    count_ += named->second.values;
    CheckCount(ToPosition(mark));
    Value value = named->second.value;
    if (value.kind == Value::Kind::kScalar) {
      value.at = ToPosition(mark);
      value.alias = true;
    }
    Attach(std::move(value));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(Value::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(Value::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or map whose end has not come yet.
  struct Building {
    Value value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    size_t count_before = 0;
    bool has_key = false;  // Of a map: the last entry waits for its value.
  };
  struct Named {
    Value value;
    size_t values = 0;
  };

  void CheckCount(Position at) const {
    if (count_ > kMaxValues) {
      throw DocumentError(at, text::Concat("more than ", kMaxValues, " values, aliases (*name) counted in full"));
    }
  }

  void Open(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const Position at = ToPosition(mark);
    if (!open_.empty() && open_.back().value.kind == Value::Kind::kMap && !open_.back().has_key) {
      throw DocumentError(at, "a key must be a plain word, not a list or map", DocumentError::Cause::kMaybeABracket);
    }
    Building building;
    building.value.kind = kind;
    building.value.at = at;
    building.anchor = anchor;
    building.count_before = count_;
    open_.push_back(std::move(building));
  }

  void Close() {
    Building done = std::move(open_.back());
    open_.pop_back();
    Complete(std::move(done.value), done.anchor, done.count_before);
  }

  void Complete(Value value, YAML::anchor_t anchor) { Complete(std::move(value), anchor, count_); }

  void Complete(Value value, YAML::anchor_t anchor, size_t count_before) {
    ++count_;
    CheckCount(value.at);
    if (anchor != YAML::NullAnchor) anchors_[anchor] = Named{value, count_ - count_before};
    Attach(std::move(value));
  }

  void Attach(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Building& parent = open_.back();
    if (parent.value.kind == Value::Kind::kList) {
      parent.value.items.push_back(std::move(value));
    } else if (parent.has_key) {
      Entry& entry = parent.value.entries.back();
      // yaml-cpp sees that a value is missing only at what follows, maybe lines below.
      if (value.kind == Value::Kind::kNull) value.at = entry.at;
      entry.value = std::move(value);
      parent.has_key = false;
    } else {
      if (value.kind != Value::Kind::kScalar) {
        throw DocumentError(value.at, "a key must be a plain word, not empty, a list or map",
                            DocumentError::Cause::kMaybeABracket);
      }
      parent.value.entries.push_back(Entry{.key = std::move(value.text), .at = value.at, .value = {}});
      parent.has_key = true;
    }
  }

  Value root_;
  std::vector<Building> open_;
  std::map<YAML::anchor_t, Named> anchors_;
  size_t count_ = 0;
};

// Where the text ends.
Position EndOf(std::string_view text) {
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  const size_t last = text.rfind('\n');
  const size_t column = last == std::string_view::npos ? text.size() : text.size() - last - 1;
  return {.line = lines + 1, .column = static_cast<int>(column) + 1};
}

// yaml-cpp's words, without what it quotes from the text (which may be a password), and with advice where its words
// need it.
std::string Explain(std::string_view message) {
  message = message.substr(0, message.find(": "));
  std::string_view advice;
  if (text::Contains(message, "anchor is not defined")) {
    advice = " (a value that begins with '*' needs quotes)";
  } else if (text::Contains(message, "escape character")) {
    advice = " (within \"…\" a backslash is written \\\\; within '…' it stands for itself)";
  } else if (text::Contains(message, "flow not found")) {
    advice = " (is a ',' or ':' missing, or does a value hold one of , : { } [ ] # without quotes?)";
  } else if (text::Contains(message, "flow end")) {
    advice = " (a bracket that closes nothing)";
  } else if (text::Contains(message, "map value") || text::Contains(message, "end of map") ||
             text::Contains(message, "end of sequence")) {
    advice = " (is the indentation even, is a ':' or a quote missing, or does a value hold ': ' without quotes?)";
  } else if (text::Contains(message, "unknown token")) {
    advice = " (a value that begins with '@', '`' or '%' needs quotes)";
  }
  return text::Concat("not valid YAML: ", message, advice);
}

// A tab, or a quote or bracket that is not closed, is what a user can mend; yaml-cpp tells of the line where it gave up.
YamlTrouble WhatWentWrong(std::string_view text, const YAML::Exception& e) {
  const Position at = std::min(ToPosition(e.mark), EndOf(text));
  std::optional<YamlTrouble> trouble;
  if (!text::Contains(e.msg, "flow")) trouble = TabInIndentation(text, at.line);
  if (!trouble) trouble = QuoteOverLines(text, at.line);
  if (!trouble) trouble = UnclosedBracket(text);
  if (trouble && trouble->at <= at) {
    return {.at = trouble->at, .message = text::Concat("not valid YAML: ", trouble->message)};
  }
  return {.at = at, .message = Explain(e.msg)};
}

}  // namespace

std::variant<Value, Diagnostic> ParseDocument(std::string_view text, const std::string& file) {
  auto error = [&](Position at, std::string message) {
    return Diagnostic{.file = file, .line = at.line, .column = at.column, .message = std::move(message)};
  };
  try {
    std::istringstream stream{text::Concat(text, "\n", kEnd, "\n")};
    YAML::Parser parser(stream);
    TreeBuilder tree;
    parser.HandleNextDocument(tree);
    TreeBuilder next;
    if (parser.HandleNextDocument(next)) {
      return error(next.Take().at, "a second YAML document; a configuration is one document");
    }
    Value root = tree.Take();
    if (root.at.line == 0) root.at = {.line = 1, .column = 1};
    return root;
  } catch (const DocumentError& e) {
    if (e.cause == DocumentError::Cause::kMaybeABracket) {
      // yaml-cpp takes a '{' that is not closed for the beginning of a key.
      const std::optional<YamlTrouble> trouble = UnclosedBracket(text);
      if (trouble && trouble->at <= e.at) return error(trouble->at, text::Concat("not valid YAML: ", trouble->message));
    }
    return error(e.at, e.what());
  } catch (const YAML::Exception& e) {
    YamlTrouble trouble = WhatWentWrong(text, e);
    return error(trouble.at, std::move(trouble.message));
  }
}

}  // namespace sluice

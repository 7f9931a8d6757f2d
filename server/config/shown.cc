#include "server/config/shown.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "server/config/schema.h"
#include "server/runtime/text.h"
#include "server/telemetry/json_string.h"

namespace sluice {
namespace {

constexpr std::string_view kHidden = "(secret)";

bool IsSecret(std::string_view key) {
  return std::ranges::any_of(AllSections(), [key](const Section* section) {
    return std::ranges::any_of(section->keys,
                               [key](const Key& each) { return each.type == KeyType::kSecret && each.name == key; });
  });
}

// Nothing but one reference, without a default: what it stands for is not in the document.
bool IsReference(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return false;
  const std::string_view name = text.substr(2, text.size() - 3);
  return !name.empty() && std::ranges::all_of(name, [](char c) { return text::IsAlnum(c) || c == '_'; });
}

// What YAML takes for a text as it stands, or as the number or word that it was.
bool IsPlain(std::string_view text) {
  constexpr std::string_view kBesides = "_-./+#$*@";
  if (text.empty() || text == "null" || text == "Null" || text == "NULL") return false;
  if (!text::IsAlnum(text.front()) && text.front() != '/' && text.front() != '$' && text.front() != '.') return false;
  return std::ranges::all_of(text,
                             [&](char c) { return text::IsAlnum(c) || kBesides.find(c) != std::string_view::npos; });
}

}  // namespace

class ShownParts::Writer {
 public:
  // Hides nothing.
  Writer() = default;
  explicit Writer(const Value& document) { FindSecrets(document, false); }

  void Write(const Value& value, size_t indent) {
    switch (value.kind) {
      case Value::Kind::kNull:
        out_ += "null\n";
        break;
      case Value::Kind::kScalar:
        Scalar(value.text);
        out_ += '\n';
        break;
      case Value::Kind::kList:
        List(value, indent);
        break;
      case Value::Kind::kMap:
        Map(value, indent);
        break;
    }
  }
  std::string Take() { return std::exchange(out_, {}); }

 private:
  void FindSecrets(const Value& value, bool secret) {
    if (secret && value.kind == Value::Kind::kScalar && !IsReference(value.text)) secrets_.insert(value.text);
    for (const Value& item : value.items) FindSecrets(item, secret);
    for (const Entry& entry : value.entries) FindSecrets(entry.value, IsSecret(entry.key));
  }

  void Text(std::string_view text) {
    if (IsPlain(text)) {
      out_ += text;
    } else {
      AppendJsonString(out_, text);
    }
  }
  void Scalar(const std::string& text) { Text(secrets_.contains(text) ? kHidden : std::string_view(text)); }

  static bool IsEmpty(const Value& value) { return value.items.empty() && value.entries.empty(); }
  static bool IsOneLine(const Value& value) {
    return value.kind == Value::Kind::kNull || value.kind == Value::Kind::kScalar || IsEmpty(value);
  }

  void List(const Value& value, size_t indent) {
    if (value.items.empty()) {
      out_ += "[]\n";
      return;
    }
    for (const Value& item : value.items) {
      out_.append(indent, ' ');
      out_ += "-";
      // The first key of a map stands behind the dash.
      out_ += item.kind == Value::Kind::kList && !item.items.empty() ? "\n" : " ";
      first_stands_ = item.kind == Value::Kind::kMap;
      Write(item, indent + 2);
    }
  }

  void Map(const Value& value, size_t indent) {
    bool stands = std::exchange(first_stands_, false);
    if (value.entries.empty()) {
      out_ += "{}\n";
      return;
    }
    for (const Entry& entry : value.entries) {
      if (!std::exchange(stands, false)) out_.append(indent, ' ');
      Text(entry.key);
      out_ += IsOneLine(entry.value) ? ": " : ":\n";
      Write(entry.value, indent + 2);
    }
  }

  std::set<std::string> secrets_;
  bool first_stands_ = false;
  std::string out_;
};

ShownParts::ShownParts(const Value& document) : writer_(std::make_unique<Writer>(document)) {}
ShownParts::~ShownParts() = default;

std::string ShownParts::Of(const Value& part) {
  writer_->Write(part, 0);
  return writer_->Take();
}

std::string ShownConfig(const Value& document) { return ShownParts(document).Of(document); }

std::string YamlOf(const Value& value) {
  ShownParts::Writer writer;
  writer.Write(value, 0);
  return writer.Take();
}

}  // namespace sluice

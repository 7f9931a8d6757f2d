#include "client/cpp/ctl/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "server/telemetry/json_string.h"

namespace sluice::ctl {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What a double holds exactly.
constexpr uint64_t kExact = uint64_t{1} << 53;

// "DEAD_LETTER_KIND_MESSAGE" of DeadLetterKind is "message": the type's name in capitals stands before each value.
std::string ShortName(const EnumValueDescriptor& value) {
  size_t prefix = 1;  // The '_' behind the type's name.
  const std::string& type = value.type()->name();
  for (size_t i = 0; i < type.size(); ++i) prefix += i > 0 && type[i] >= 'A' && type[i] <= 'Z' ? 2 : 1;
  std::string name = value.name().size() > prefix ? value.name().substr(prefix) : value.name();
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

class Writer {
 public:
  explicit Writer(bool one_line) : one_line_(one_line) {}

  void Write(const Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    Open('{');
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (field.has_presence() && !reflection.HasField(message, &field)) continue;
      Next();
      AppendJsonString(out_, field.name());
      out_ += one_line_ ? ":" : ": ";
      if (field.is_repeated()) {
        Open('[');
        for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
          Next();
          WriteValue(message, field, k);
        }
        Close(']');
      } else {
        WriteValue(message, field, -1);
      }
    }
    Close('}');
  }
  std::string Take() { return std::move(out_) + "\n"; }

 private:
  void Open(char bracket) {
    out_ += bracket;
    ++depth_;
    first_ = true;
  }
  void Close(char bracket) {
    --depth_;
    if (!first_) Break();
    out_ += bracket;
    first_ = false;
  }
  void Next() {
    if (!first_) out_ += ',';
    first_ = false;
    Break();
  }
  void Break() {
    if (!one_line_) out_.append("\n").append(depth_, ' ');
  }
  void WriteUnsigned(uint64_t number) {
    const std::string digits = std::to_string(number);
    out_ += number <= kExact ? digits : "\"" + digits + "\"";
  }
  // To three places: rates.
  void WriteFraction(double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.3f", std::isfinite(value) ? value : 0.0);
    out_ += text.data();
  }
  void WriteSigned(int64_t number) {
    const std::string digits = std::to_string(number);
    const bool exact = number >= -static_cast<int64_t>(kExact) && number <= static_cast<int64_t>(kExact);
    out_ += exact ? digits : "\"" + digits + "\"";
  }

  // Item `index` of a repeated field; -1: the field itself.
  void WriteValue(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& from = *message.GetReflection();
    const bool one = index < 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += (one ? from.GetBool(message, &field) : from.GetRepeatedBool(message, &field, index)) ? "true" : "false";
        return;
      case FieldDescriptor::CPPTYPE_UINT32:
        return WriteUnsigned(one ? from.GetUInt32(message, &field) : from.GetRepeatedUInt32(message, &field, index));
      case FieldDescriptor::CPPTYPE_UINT64:
        return WriteUnsigned(one ? from.GetUInt64(message, &field) : from.GetRepeatedUInt64(message, &field, index));
      case FieldDescriptor::CPPTYPE_INT32:
        return WriteSigned(one ? from.GetInt32(message, &field) : from.GetRepeatedInt32(message, &field, index));
      case FieldDescriptor::CPPTYPE_INT64:
        return WriteSigned(one ? from.GetInt64(message, &field) : from.GetRepeatedInt64(message, &field, index));
      case FieldDescriptor::CPPTYPE_ENUM:
        AppendJsonString(
            out_, ShortName(one ? *from.GetEnum(message, &field) : *from.GetRepeatedEnum(message, &field, index)));
        return;
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string text = one ? from.GetString(message, &field) : from.GetRepeatedString(message, &field, index);
        AppendJsonString(out_, field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text);
        return;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Write(one ? from.GetMessage(message, &field) : from.GetRepeatedMessage(message, &field, index));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return WriteFraction(one ? from.GetDouble(message, &field) : from.GetRepeatedDouble(message, &field, index));
      default:
        out_ += "null";  // The protos have no others.
    }
  }

  const bool one_line_;
  std::string out_;
  size_t depth_ = 0;
  bool first_ = true;
};

// ------------------------------------------------------------------------------------------------ reading

using JsonObject = google::protobuf::Struct;
using JsonValue = google::protobuf::Value;

absl::Status Wrong(const FieldDescriptor& field, const char* what) {
  return absl::InvalidArgumentError("'" + field.name() + "' " + what);
}

// A number, or the text of one.
template <typename Number>
std::optional<Number> NumberOf(const JsonValue& value) {
  if (value.kind_case() == JsonValue::kNumberValue) {
    const double number = value.number_value();
    if (number != std::floor(number) || std::abs(number) > static_cast<double>(kExact)) return std::nullopt;
    if (number < static_cast<double>(std::numeric_limits<Number>::min()) ||
        number > static_cast<double>(std::numeric_limits<Number>::max())) {
      return std::nullopt;
    }
    return static_cast<Number>(number);
  }
  const std::string& text = value.string_value();
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const EnumValueDescriptor* ValueOf(const EnumDescriptor& type, const std::string& name) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (ShortName(*type.value(i)) == name) return type.value(i);
  }
  return nullptr;
}

absl::Status ReadObject(const JsonObject& object, Message& message);

absl::Status ReadNumber(const JsonValue& value, const FieldDescriptor& field, Message& message) {
  const Reflection& into = *message.GetReflection();
  const auto set = [&](auto number, auto setter) {
    if (!number) return Wrong(field, "is no whole number that fits");
    (into.*setter)(&message, &field, *number);
    return absl::OkStatus();
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return set(NumberOf<uint32_t>(value), &Reflection::SetUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return set(NumberOf<uint64_t>(value), &Reflection::SetUInt64);
    case FieldDescriptor::CPPTYPE_INT32:
      return set(NumberOf<int32_t>(value), &Reflection::SetInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return set(NumberOf<int64_t>(value), &Reflection::SetInt64);
    default:
      return Wrong(field, "cannot be read");
  }
}

absl::Status ReadValue(const JsonValue& value, const FieldDescriptor& field, Message& message) {
  const Reflection& into = *message.GetReflection();
  const bool is_text = value.kind_case() == JsonValue::kStringValue;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value.kind_case() != JsonValue::kBoolValue) return Wrong(field, "is neither true nor false");
      into.SetBool(&message, &field, value.bool_value());
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* known = is_text ? ValueOf(*field.enum_type(), value.string_value()) : nullptr;
      if (known == nullptr) return Wrong(field, "is none of those that are known");
      into.SetEnum(&message, &field, known);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      if (!is_text) return Wrong(field, "is no text");
      if (field.type() != FieldDescriptor::TYPE_BYTES) {
        into.SetString(&message, &field, value.string_value());
        return absl::OkStatus();
      }
      std::string bytes;
      if (!absl::Base64Unescape(value.string_value(), &bytes)) return Wrong(field, "is no base64");
      into.SetString(&message, &field, std::move(bytes));
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (value.kind_case() != JsonValue::kStructValue) return Wrong(field, "is no object");
      return ReadObject(value.struct_value(), *into.MutableMessage(&message, &field));
    default:
      return ReadNumber(value, field, message);
  }
}

absl::Status ReadList(const JsonValue& value, const FieldDescriptor& field, Message& message) {
  if (value.kind_case() != JsonValue::kListValue) return Wrong(field, "is no list");
  // admin.proto has lists of messages where it is read from JSON.
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return Wrong(field, "cannot be read");
  for (const JsonValue& item : value.list_value().values()) {
    if (item.kind_case() != JsonValue::kStructValue) return Wrong(field, "is no list of objects");
    const absl::Status read = ReadObject(item.struct_value(), *message.GetReflection()->AddMessage(&message, &field));
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status ReadObject(const JsonObject& object, Message& message) {
  for (const auto& [name, value] : object.fields()) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) return absl::InvalidArgumentError("a key that is not known");
    const absl::Status read =
        field->is_repeated() ? ReadList(value, *field, message) : ReadValue(value, *field, message);
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

}  // namespace

std::string ToJson(const Message& message, bool one_line) {
  Writer writer(one_line);
  writer.Write(message);
  return writer.Take();
}

absl::Status FromJson(const std::string& json, Message& message) {
  JsonObject object;
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok()) {
    return absl::InvalidArgumentError("no JSON object");
  }
  return ReadObject(object, message);
}

std::string JsonString(std::string_view text) {
  std::string quoted;
  AppendJsonString(quoted, text);
  return quoted;
}

}  // namespace sluice::ctl

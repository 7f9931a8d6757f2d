#include "server/deadletter/letter_row.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

using sqlite::Statement;

std::string EncodeUser(const UserProperties& properties) {
  std::string encoded;
  for (const auto& [name, value] : properties) {
    absl::StrAppend(&encoded, name.size(), ":", name, value.size(), ":", value);
  }
  return encoded;
}

// What one LENGTH:TEXT holds, cut off `encoded`; nullopt at its end, or where it is damaged.
std::optional<std::string> TakeText(std::string_view& encoded) {
  size_t size = 0;
  const auto [end, error] = std::from_chars(encoded.data(), encoded.data() + encoded.size(), size);
  if (error != std::errc() || end == encoded.data() + encoded.size() || *end != ':') return std::nullopt;
  encoded.remove_prefix(static_cast<size_t>(end - encoded.data()) + 1);
  if (size > encoded.size()) return std::nullopt;
  std::string text(encoded.substr(0, size));
  encoded.remove_prefix(size);
  return text;
}

UserProperties DecodeUser(std::string_view encoded) {
  UserProperties properties;
  while (true) {
    std::optional<std::string> name = TakeText(encoded);
    std::optional<std::string> value = TakeText(encoded);
    if (!name || !value) return properties;
    properties.emplace_back(*std::move(name), *std::move(value));
  }
}

void BindOptional(Statement& statement, const std::string& text) {
  text.empty() ? statement.BindNull() : statement.BindText(text);
}

}  // namespace

LetterTexts::LetterTexts(const StoredLetter& letter)
    : id(letter.id.ToString()),
      answers(letter.answers == MessageId{} ? "" : letter.answers.ToString()),
      user(letter.message->properties ? EncodeUser(letter.message->properties->user) : "") {}

void BindLetter(Statement& statement, const StoredLetter& letter, const LetterTexts& texts) {
  static const Properties kNone;
  const Message& message = *letter.message;
  const Properties& properties = message.properties == nullptr ? kNone : *message.properties;
  statement.BindInt(static_cast<int64_t>(letter.kind)).BindText(texts.id);
  BindOptional(statement, texts.answers);
  statement.BindText(letter.connection);
  statement.BindText(letter.route).BindText(letter.chain).BindText(letter.start_node).BindText(message.topic);
  statement.BindInt(static_cast<int64_t>(message.qos)).BindInt((message.retain ? 1 : 0) | (message.dup ? 2 : 0));
  BindOptional(statement, properties.content_type);
  BindOptional(statement, properties.response_topic);
  properties.correlation_data ? statement.BindBlob(*properties.correlation_data) : statement.BindNull();
  texts.user.empty() ? statement.BindNull() : statement.BindBlob(texts.user);
  properties.expiry_s ? statement.BindInt(*properties.expiry_s) : statement.BindNull();
  statement.BindInt(message.received_unix_ms).BindInt(letter.died_unix_ms).BindInt(letter.attempts);
  statement.BindText(letter.reason).BindText(letter.worker).BindInt(static_cast<int64_t>(letter.bytes()));
  statement.BindBlob(message.payload);
}

KeptLetter ReadRow(const Statement& row) {
  KeptLetter kept{.number = row.Int(0), .payload_bytes = static_cast<uint64_t>(row.Int(1))};
  int column = 2;
  StoredLetter& letter = kept.letter;
  letter.kind = row.Int(column++) == 2 ? StoredLetter::Kind::kReply : StoredLetter::Kind::kMessage;
  letter.id = MessageId::Parse(row.Bytes(column++)).value_or(MessageId{});
  letter.answers = MessageId::Parse(row.Bytes(column++)).value_or(MessageId{});
  letter.connection = row.Text(column++);
  letter.route = row.Text(column++);
  letter.chain = row.Text(column++);
  letter.start_node = row.Text(column++);
  const std::string topic = row.Text(column++);
  const int64_t qos = std::clamp<int64_t>(row.Int(column++), 0, 2);
  const int64_t flags = row.Int(column++);
  Properties properties;
  properties.content_type = row.Text(column++);
  properties.response_topic = row.Text(column++);
  if (!row.IsNull(column)) properties.correlation_data = row.Text(column);
  properties.user = DecodeUser(row.Bytes(++column));
  if (!row.IsNull(++column)) properties.expiry_s = static_cast<uint32_t>(row.Int(column));
  const int64_t received = row.Int(++column);
  letter.died_unix_ms = row.Int(++column);
  letter.attempts = static_cast<uint32_t>(row.Int(++column));
  letter.reason = row.Text(++column);
  letter.worker = row.Text(++column);
  ++column;  // bytes
  std::shared_ptr<Message> message = MakeMessage(topic, row.Bytes(++column));
  message->qos = static_cast<Qos>(qos);
  message->retain = (flags & 1) != 0;
  message->dup = (flags & 2) != 0;
  message->received_unix_ms = received;
  if (!properties.content_type.empty() || !properties.response_topic.empty() || properties.correlation_data ||
      !properties.user.empty() || properties.expiry_s) {
    message->properties = std::make_unique<Properties>(std::move(properties));
  }
  letter.message = std::move(message);
  return kept;
}

}  // namespace sluice

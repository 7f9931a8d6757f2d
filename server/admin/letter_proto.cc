#include "server/admin/letter_proto.h"

#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/message/topic.h"
#include "server/message/utf8.h"

namespace sluice {
namespace {

// What a `string` field may hold.
std::string Mended(std::string_view text) {
  std::string mended(text);
  MendUtf8(mended.data(), mended.size());
  return mended;
}

void PropertiesToProto(const Properties& properties, v1::DeadLetter& out) {
  out.set_content_type(Mended(properties.content_type));
  out.set_response_topic(Mended(properties.response_topic));
  if (properties.correlation_data) out.set_correlation_data(*properties.correlation_data);
  for (const auto& [name, value] : properties.user) {
    v1::UserProperty& property = *out.add_user_properties();
    property.set_name(Mended(name));
    property.set_value(Mended(value));
  }
  if (properties.expiry_s) out.set_expiry_s(*properties.expiry_s);
}

// The time `age_ms` before `now_unix_ms`.
int64_t Ago(int64_t now_unix_ms, uint64_t age_ms) {
  constexpr uint64_t kLongest = std::numeric_limits<int64_t>::max() / 2;
  return now_unix_ms - static_cast<int64_t>(std::min(age_ms, kLongest));
}

}  // namespace

void ToProto(const KeptLetter& kept, v1::DeadLetter& out) {
  const StoredLetter& letter = kept.letter;
  const Message& message = *letter.message;
  out.set_id(letter.id.ToString());
  out.set_kind(letter.kind == StoredLetter::Kind::kReply ? v1::DEAD_LETTER_KIND_REPLY : v1::DEAD_LETTER_KIND_MESSAGE);
  if (letter.answers != MessageId{}) out.set_answers(letter.answers.ToString());
  out.set_connection(Mended(letter.connection));
  out.set_route(Mended(letter.route));
  out.set_chain(Mended(letter.chain));
  out.set_start_node(Mended(letter.start_node));
  out.set_topic(Mended(message.topic));
  out.set_payload(message.payload.data(), message.payload.size());
  out.set_payload_bytes(kept.payload_bytes);
  out.set_qos(static_cast<uint32_t>(message.qos));
  out.set_retain(message.retain);
  if (message.properties != nullptr) PropertiesToProto(*message.properties, out);
  out.set_received_unix_ms(message.received_unix_ms);
  out.set_died_unix_ms(letter.died_unix_ms);
  out.set_attempts(letter.attempts);
  out.set_reason(Mended(letter.reason));
  out.set_worker(Mended(letter.worker));
}

absl::StatusOr<StoredLetter> FromProto(const v1::DeadLetter& letter) {
  StoredLetter out;
  const absl::StatusOr<MessageId> id = FromProto(letter.id());
  if (!id.ok()) return id.status();
  out.id = *id;
  if (letter.kind() == v1::DEAD_LETTER_KIND_UNSPECIFIED) return absl::InvalidArgumentError("kind is not set");
  out.kind = letter.kind() == v1::DEAD_LETTER_KIND_REPLY ? StoredLetter::Kind::kReply : StoredLetter::Kind::kMessage;
  if (!letter.answers().empty()) {
    const absl::StatusOr<MessageId> answers = FromProto(letter.answers());
    if (!answers.ok()) return answers.status();
    out.answers = *answers;
  }
  // A packet that was malformed has none, and no route.
  const bool has_none = out.kind == StoredLetter::Kind::kMessage && letter.topic().empty() && letter.route().empty();
  if (absl::Status topic = CheckTopicName(letter.topic()); !topic.ok() && !has_none) {
    return absl::InvalidArgumentError(absl::StrCat("its topic ", topic.message()));
  }
  if (letter.qos() > 2) return absl::InvalidArgumentError(absl::StrCat("qos is ", letter.qos()));
  out.connection = letter.connection();
  out.route = letter.route();
  out.chain = letter.chain();
  out.start_node = letter.start_node();
  out.died_unix_ms = letter.died_unix_ms();
  out.attempts = letter.attempts();
  out.reason = letter.reason();
  out.worker = letter.worker();
  std::shared_ptr<Message> message = MakeMessage(letter.topic(), letter.payload());
  message->qos = static_cast<Qos>(letter.qos());
  message->retain = letter.retain();
  message->received_unix_ms = letter.received_unix_ms();
  Properties properties{.content_type = letter.content_type(), .response_topic = letter.response_topic()};
  if (letter.has_correlation_data()) properties.correlation_data = letter.correlation_data();
  if (letter.has_expiry_s()) properties.expiry_s = letter.expiry_s();
  for (const v1::UserProperty& property : letter.user_properties()) {
    properties.user.emplace_back(property.name(), property.value());
  }
  if (!properties.content_type.empty() || !properties.response_topic.empty() || properties.correlation_data ||
      !properties.user.empty() || properties.expiry_s) {
    message->properties = std::make_unique<const Properties>(std::move(properties));
  }
  out.message = std::move(message);
  return out;
}

absl::StatusOr<LetterFilter> FromProto(const v1::DeadLetterFilter& filter, int64_t now_unix_ms) {
  LetterFilter out;
  out.chain = filter.chain();
  out.topic_filter = filter.topic();
  out.reason = filter.reason();
  if (!filter.topic().empty()) {
    if (absl::Status status = CheckTopicFilter(filter.topic()); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("the topic filter '", filter.topic(), "' ", status.message()));
    }
  }
  if (filter.older_than_ms() != 0) out.died_before_unix_ms = Ago(now_unix_ms, filter.older_than_ms());
  if (filter.newer_than_ms() != 0) out.died_after_unix_ms = Ago(now_unix_ms, filter.newer_than_ms());
  if (filter.kind() == v1::DEAD_LETTER_KIND_MESSAGE) out.kind = StoredLetter::Kind::kMessage;
  if (filter.kind() == v1::DEAD_LETTER_KIND_REPLY) out.kind = StoredLetter::Kind::kReply;
  return out;
}

std::string ToPageToken(const KeptLetter& last) { return absl::StrCat(last.letter.died_unix_ms, ":", last.number); }

absl::StatusOr<DeadLetterStore::Position> FromPageToken(const std::string& token) {
  DeadLetterStore::Position position;
  if (token.empty()) return position;
  const char* end = token.data() + token.size();
  const auto died = std::from_chars(token.data(), end, position.died_unix_ms);
  if (died.ec == std::errc() && died.ptr != end && *died.ptr == ':') {
    const auto number = std::from_chars(died.ptr + 1, end, position.number);
    if (number.ec == std::errc() && number.ptr == end) return position;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", token, "' is no page token of this service"));
}

absl::StatusOr<MessageId> FromProto(const std::string& id) {
  if (const std::optional<MessageId> parsed = MessageId::Parse(id)) return *parsed;
  return absl::InvalidArgumentError(
      absl::StrCat("'", id, "' is no id; one looks like 01890a5d-ac96-774b-bcce-b302099a8057"));
}

}  // namespace sluice

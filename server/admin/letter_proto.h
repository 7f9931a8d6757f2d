// Dead letters and their filters as sluice.v1 has them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/deadletter/store.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

void ToProto(const KeptLetter& kept, v1::DeadLetter& out);

// INVALID_ARGUMENT: the topic is no filter. Ages count from `now_unix_ms`.
// What ToProto gave, with all of its payload. INVALID_ARGUMENT: what no dead letter can be.
absl::StatusOr<StoredLetter> FromProto(const v1::DeadLetter& letter);

absl::StatusOr<LetterFilter> FromProto(const v1::DeadLetterFilter& filter, int64_t now_unix_ms);

// Where a page ended, as text, and back. Empty is the begin; INVALID_ARGUMENT: it is no such text.
std::string ToPageToken(const KeptLetter& last);
absl::StatusOr<DeadLetterStore::Position> FromPageToken(const std::string& token);

// INVALID_ARGUMENT: it is no id.
absl::StatusOr<MessageId> FromProto(const std::string& id);

}  // namespace sluice

#include "server/admin/letter_import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/letter_proto.h"

namespace sluice {
namespace {

constexpr size_t kBatchLetters = 100;
constexpr size_t kBatchBytes = 1u << 20;
constexpr int kMostFailures = 100;

}  // namespace

absl::Status LetterImport::Take(v1::ImportDeadLettersRequest& request) {
  if (request.has_dead_letter()) {
    if (receiving_) return absl::InvalidArgumentError("a dead letter comes before all of the payload of the last one");
    letter_ = std::move(*request.mutable_dead_letter());
    receiving_ = true;
    if (letter_.payload_bytes() > kLargestPayload) {
      return absl::InvalidArgumentError(
          absl::StrCat("payload_bytes is ", letter_.payload_bytes(), "; a payload has at most ", kLargestPayload));
    }
  } else {
    if (!receiving_) return absl::InvalidArgumentError("more of a payload that is whole already");
    if (request.payload().empty()) return absl::InvalidArgumentError("a message with nothing in it");
    letter_.mutable_payload()->append(request.payload());
  }
  if (letter_.payload().size() > letter_.payload_bytes()) {
    return absl::InvalidArgumentError("a payload is longer than its payload_bytes");
  }
  if (letter_.payload().size() < letter_.payload_bytes()) return absl::OkStatus();
  return TakeWhole();
}

absl::Status LetterImport::TakeWhole() {
  receiving_ = false;
  absl::StatusOr<StoredLetter> letter = FromProto(letter_);
  if (!letter.ok()) {
    AddFailure(letter_.id(), std::string(letter.status().message()));
    return absl::OkStatus();
  }
  letter_.Clear();
  batch_bytes_ += letter->bytes();
  batch_.push_back(*std::move(letter));
  if (batch_.size() < kBatchLetters && batch_bytes_ < kBatchBytes) return absl::OkStatus();
  return Flush();
}

absl::Status LetterImport::Flush() {
  batch_bytes_ = 0;
  const std::vector<StoredLetter> batch = std::exchange(batch_, {});
  const absl::StatusOr<std::vector<DeadLetterStore::Added>> added = store_.AddMissing(batch);
  if (!added.ok()) return added.status();
  uint64_t imported = 0;
  uint64_t present = 0;
  for (size_t i = 0; i < added->size(); ++i) {
    const DeadLetterStore::Added outcome = (*added)[i];
    if (outcome == DeadLetterStore::Added::kAdded) ++imported;
    if (outcome == DeadLetterStore::Added::kPresent) ++present;
    if (outcome == DeadLetterStore::Added::kTooOld) {
      AddFailure(batch[i].id.ToString(), "died longer ago than deadLetters.maxAge keeps it");
    }
  }
  response_.set_imported(response_.imported() + imported);
  response_.set_present(response_.present() + present);
  if (added->size() == batch.size()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("deadLetters.maxMessages or deadLetters.maxBytes leaves no room for more; ", response_.imported(),
                   " are imported"));
}

absl::Status LetterImport::Finish() {
  if (receiving_) return absl::InvalidArgumentError("the stream ends within a payload");
  return Flush();
}

void LetterImport::AddFailure(const std::string& id, const std::string& message) {
  response_.set_failed(response_.failed() + 1);
  if (response_.failures_size() == kMostFailures) return;
  v1::DeadLetterFailure& failure = *response_.add_failures();
  failure.set_id(id);
  failure.set_message(message);
}

}  // namespace sluice

// Puts dead letters back into the store, as a stream of ImportDeadLettersRequest brings them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/deadletter/store.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

// Of one call. Holds one letter that is not whole yet and about a MiB of those that are.
class LetterImport {
 public:
  static constexpr size_t kLargestPayload = 256u << 20;

  explicit LetterImport(DeadLetterStore& store) : store_(store) {}
  LetterImport(const LetterImport&) = delete;
  LetterImport& operator=(const LetterImport&) = delete;

  // The next message of the stream, whose content it takes. An error ends the import: the stream makes no sense, the
  // bounds are reached, or the store cannot be written.
  absl::Status Take(v1::ImportDeadLettersRequest& request);
  // The stream has ended.
  absl::Status Finish();

  // So far.
  const v1::ImportDeadLettersResponse& response() const { return response_; }

 private:
  absl::Status TakeWhole();
  absl::Status Flush();
  void AddFailure(const std::string& id, const std::string& message);

  DeadLetterStore& store_;
  v1::ImportDeadLettersResponse response_;
  bool receiving_ = false;
  v1::DeadLetter letter_;  // With receiving_: its payload comes.
  std::vector<StoredLetter> batch_;
  size_t batch_bytes_ = 0;
};

}  // namespace sluice

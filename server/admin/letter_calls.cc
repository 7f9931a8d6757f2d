// AdminService's calls about dead letters.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_service.h"
#include "server/admin/letter_import.h"
#include "server/admin/letter_proto.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr uint32_t kDefaultPage = 100;
constexpr uint32_t kLargestPage = 1'000;
constexpr size_t kPageBytes = 1u << 20;
constexpr int kMostIds = 10'000;

}  // namespace

absl::Status AdminService::ListDeadLetters(const v1::ListDeadLettersRequest& request,
                                           v1::ListDeadLettersResponse& response) {
  const absl::StatusOr<LetterFilter> filter = FromProto(request.filter(), clock_.UnixMillis());
  if (!filter.ok()) return filter.status();
  const absl::StatusOr<DeadLetterStore::Position> after = FromPageToken(request.page_token());
  if (!after.ok()) return after.status();
  const size_t wanted = request.page_size() == 0 ? kDefaultPage : std::min(request.page_size(), kLargestPage);
  const absl::StatusOr<std::vector<KeptLetter>> page = store_.List(
      *filter, *after, {.max_entries = wanted, .max_bytes = kPageBytes, .max_payload_bytes = request.payload_bytes()});
  if (!page.ok()) return page.status();
  for (const KeptLetter& kept : *page) ToProto(kept, *response.add_dead_letters());
  if (!page->empty()) response.set_next_page_token(ToPageToken(page->back()));
  return absl::OkStatus();
}

absl::Status AdminService::GetDeadLetter(const v1::GetDeadLetterRequest& request, v1::GetDeadLetterResponse& response) {
  const absl::StatusOr<MessageId> id = FromProto(request.id());
  if (!id.ok()) return id.status();
  const absl::StatusOr<KeptLetter> kept = store_.Get(*id);
  if (!kept.ok()) return kept.status();
  ToProto(*kept, *response.mutable_dead_letter());
  return absl::OkStatus();
}

absl::StatusOr<AdminService::Selected> AdminService::Select(const v1::DeadLetterSelection& selection) const {
  if ((selection.ids_size() > 0) == selection.has_filter()) {
    return absl::InvalidArgumentError("exactly one of ids and filter must be set; an empty filter is all");
  }
  if (selection.ids_size() > kMostIds) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", selection.ids_size(), " ids; allowed: ", kMostIds));
  }
  Selected selected;
  if (selection.has_filter()) {
    absl::StatusOr<LetterFilter> filter = FromProto(selection.filter(), clock_.UnixMillis());
    if (!filter.ok()) return filter.status();
    selected.filter = *std::move(filter);
  }
  for (const std::string& text : selection.ids()) {
    const absl::StatusOr<MessageId> id = FromProto(text);
    if (!id.ok()) return id.status();
    selected.ids.push_back(*id);
  }
  return selected;
}

absl::StatusOr<std::vector<int64_t>> AdminService::NumbersOf(std::span<const MessageId> ids) const {
  std::vector<int64_t> numbers;
  for (MessageId id : ids) {
    const absl::StatusOr<KeptLetter> kept = store_.Get(id);
    if (kept.ok()) {
      numbers.push_back(kept->number);
    } else if (!absl::IsNotFound(kept.status())) {
      return kept.status();
    }
  }
  return numbers;
}

absl::StatusOr<uint64_t> AdminService::Count(const Selected& selected) const {
  if (selected.filter) return store_.Count(*selected.filter);
  const absl::StatusOr<std::vector<int64_t>> numbers = NumbersOf(selected.ids);
  if (!numbers.ok()) return numbers.status();
  return numbers->size();
}

absl::Status AdminService::ReplayDeadLetters(const std::function<bool()>& cancelled,
                                             const v1::ReplayDeadLettersRequest& request,
                                             v1::ReplayDeadLettersResponse& response) {
  const absl::StatusOr<Selected> selected = Select(request.selection());
  if (!selected.ok()) return selected.status();
  if (request.dry_run()) {
    const absl::StatusOr<uint64_t> count = Count(*selected);
    if (!count.ok()) return count.status();
    response.set_replayed(*count);
    return absl::OkStatus();
  }
  const absl::StatusOr<ReplayReport> report =
      selected->filter ? replay_.Matching(*selected->filter, cancelled) : replay_.ByIds(selected->ids, cancelled);
  if (!report.ok()) return report.status();
  response.set_replayed(report->replayed);
  response.set_failed(report->failed);
  for (const ReplayReport::Failure& failure : report->failures) {
    v1::DeadLetterFailure& one = *response.add_failures();
    one.set_id(failure.id);
    one.set_message(failure.message);
  }
  response.set_stopped(report->stopped);
  log::Info("dead letters replayed",
            {{"replayed", report->replayed}, {"failed", report->failed}, {"stopped", report->stopped}});
  return absl::OkStatus();
}

absl::Status AdminService::PurgeDeadLetters(const v1::PurgeDeadLettersRequest& request,
                                            v1::PurgeDeadLettersResponse& response) {
  const absl::StatusOr<Selected> selected = Select(request.selection());
  if (!selected.ok()) return selected.status();
  absl::StatusOr<uint64_t> count = 0;
  if (request.dry_run()) {
    count = Count(*selected);
  } else if (selected->filter) {
    count = store_.RemoveMatching(*selected->filter);
  } else {
    const absl::StatusOr<std::vector<int64_t>> numbers = NumbersOf(selected->ids);
    if (!numbers.ok()) return numbers.status();
    count = store_.Remove(*numbers);
  }
  if (!count.ok()) return count.status();
  response.set_purged(*count);
  if (!request.dry_run()) log::Info("dead letters purged", {{"count", *count}});
  return absl::OkStatus();
}

absl::Status AdminService::ImportDeadLetters(const std::function<bool()>& cancelled,
                                             const std::function<bool(v1::ImportDeadLettersRequest&)>& read,
                                             v1::ImportDeadLettersResponse& response) {
  if (importing_.exchange(true)) return absl::AbortedError("another call imports; try again when it is done");
  LetterImport import(store_);
  v1::ImportDeadLettersRequest request;
  absl::Status status;
  while (status.ok() && read(request)) status = import.Take(request);
  if (status.ok()) status = cancelled() ? absl::CancelledError("the stream was cut off") : import.Finish();
  importing_ = false;
  response = import.response();
  log::Info("dead letters imported", {{"imported", response.imported()},
                                      {"present", response.present()},
                                      {"failed", response.failed()},
                                      {"error", std::string(status.message())}});
  return status;
}

}  // namespace sluice

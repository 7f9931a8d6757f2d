// AdminService of sluice.v1. Rare and small work: gRPC's synchronous API, on threads of its own.
#pragma once

#include <atomic>
#include <span>

#include "absl/status/statusor.h"
#include "server/admin/replay.h"
#include "server/admin/session_ender.h"
#include "server/admin/status_source.h"
#include "server/deadletter/store.h"
#include "server/runtime/clock.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice {

// Thread-safe.
class AdminServiceImpl final : public v1::AdminService::Service {
 public:
  // All outlive it.
  AdminServiceImpl(const Clock& clock, const StatusSource& status, DeadLetterStore& store, ReplaySink& replay,
                   SessionEnder& sessions)
      : clock_(clock),
        status_(status),
        store_(store),
        replay_(store, replay),
        sessions_(sessions),
        start_(clock.Now()) {}

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status ListDeadLetters(grpc::ServerContext* context, const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override;
  grpc::Status GetDeadLetter(grpc::ServerContext* context, const v1::GetDeadLetterRequest* request,
                             v1::GetDeadLetterResponse* response) override;
  grpc::Status ReplayDeadLetters(grpc::ServerContext* context, const v1::ReplayDeadLettersRequest* request,
                                 v1::ReplayDeadLettersResponse* response) override;
  grpc::Status PurgeDeadLetters(grpc::ServerContext* context, const v1::PurgeDeadLettersRequest* request,
                                v1::PurgeDeadLettersResponse* response) override;
  grpc::Status ImportDeadLetters(grpc::ServerContext* context, grpc::ServerReader<v1::ImportDeadLettersRequest>* reader,
                                 v1::ImportDeadLettersResponse* response) override;
  grpc::Status EndSession(grpc::ServerContext* context, const v1::EndSessionRequest* request,
                          v1::EndSessionResponse* response) override;

 private:
  // What a selection names: ids, or a filter.
  struct Selected {
    std::vector<MessageId> ids;
    std::optional<LetterFilter> filter;
  };
  absl::StatusOr<Selected> Select(const v1::DeadLetterSelection& selection) const;
  absl::StatusOr<uint64_t> Count(const Selected& selected) const;
  // The numbers of those that are there.
  absl::StatusOr<std::vector<int64_t>> NumbersOf(std::span<const MessageId> ids) const;

  const Clock& clock_;
  const StatusSource& status_;
  DeadLetterStore& store_;
  Replay replay_;
  SessionEnder& sessions_;
  std::atomic<bool> importing_ = false;  // Each holds a letter of up to 256 MiB.
  const SteadyTime start_;
};

}  // namespace sluice

// An AdminServer on a socket of the test's own, and sluicectl beside it.
#pragma once

#include <gtest/gtest.h>

#include "client/cpp/ctl/commands.h"
#include "server/admin/admin_server.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/ctl/console.h"
#include "tests/unit/deadletter/letters.h"

namespace sluice {

class FakeStatus final : public StatusSource {
 public:
  GatewayStatus Status() const override { return status; }
  GatewayStatus status;
};

// Takes everything that it does not refuse.
class TakingReplaySink final : public ReplaySink {
 public:
  std::vector<absl::Status> Replay(std::vector<StoredLetter> letters) override {
    std::vector<absl::Status> statuses;
    for (const StoredLetter& letter : letters) {
      const bool gone = letter.route == "gone";
      if (!gone) taken.emplace_back(letter.message->payload);
      statuses.push_back(gone ? absl::FailedPreconditionError("the route 'gone' is not configured any more")
                              : absl::OkStatus());
    }
    return statuses;
  }
  std::vector<std::string> taken;
};

// Knows one connection, and a replica that it is itself.
class FakeSessionEnder final : public SessionEnder {
 public:
  absl::StatusOr<std::vector<EndedSession>> EndSessions(const std::string& gateway, const std::string& client_id,
                                                        const std::string& /*connection*/) override {
    if (gateway == "sluice-0") return absl::InvalidArgumentError("'sluice-0' is the replica that was asked");
    return std::vector<EndedSession>{
        {.connection = "plant", .client_id = client_id.empty() ? "gw-" + gateway : client_id, .ended = true}};
  }
};

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    auto store = DeadLetterStore::Open(":memory:", {.max_age = Millis(0)}, clock_, metrics_);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  absl::Status Start(const std::string& listen) {
    auto admin = AdminServer::Start(listen, config_, clock_, metrics_, status_, *store_, replays_, sessions_,
                                    {.permissions = &permissions_});
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }
  std::string Socket() const { return "unix:" + (folder_ / "admin.sock"); }

  // Runs sluicectl on the server; what it said is in out_ and err_.
  int Ctl(std::vector<std::string> arguments, const std::string& answer = "") {
    ctl::FakeConsole fake;
    if (!answer.empty()) fake.WillAnswer(answer);
    if (admin_ != nullptr) fake.environment["SLUICE_ADMIN"] = admin_->address();
    const int status = ctl::Run(arguments, fake.console());
    out_ = fake.out.str();
    err_ = fake.err.str();
    return status;
  }

  TempDir folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  AdminConfig config_;
  FakeStatus status_;
  Permissions permissions_;
  TakingReplaySink replays_;
  FakeSessionEnder sessions_;
  std::unique_ptr<DeadLetterStore> store_;
  std::unique_ptr<AdminServer> admin_;
  std::string out_;
  std::string err_;
};

}  // namespace sluice

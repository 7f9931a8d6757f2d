#include "tests/failpoints/mqtt.h"

#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

class FailpointSink final : public InboundSink {
 public:
  FailpointSink(InboundSink& inner, Failpoint& failpoint) : inner_(inner), failpoint_(failpoint) {}

  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    absl::Status status = inner_.OnMessages(batch);
    if (status.ok()) failpoint_.Reach(Point::kHandedOver);
    return status;
  }
  InboundSink* AtMostOnce() override { return inner_.AtMostOnce(); }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override { return inner_.OnReleased(packet_ids); }
  std::vector<uint16_t> UnreleasedPackets() override { return inner_.UnreleasedPackets(); }
  absl::Status OnSessionLost() override { return inner_.OnSessionLost(); }
  void OnRemainderLeft(const std::string& filter) override { inner_.OnRemainderLeft(filter); }
  std::vector<std::string> TakeRemainders() override { return inner_.TakeRemainders(); }

 private:
  InboundSink& inner_;
  Failpoint& failpoint_;
};

// A connection, with the sink in between, which outlives it.
class FailpointIntake final : public IntakeConnection {
 public:
  FailpointIntake(std::unique_ptr<FailpointSink> sink, std::unique_ptr<IntakeConnection> inner)
      : sink_(std::move(sink)), inner_(std::move(inner)) {}

  void Start() override { inner_->Start(); }
  void Pause(std::string reason) override { inner_->Pause(std::move(reason)); }
  void Resume() override { inner_->Resume(); }
  void StayOut(std::vector<size_t> subscriptions) override { inner_->StayOut(std::move(subscriptions)); }
  void Resubscribe(std::vector<Subscription> subscriptions) override { inner_->Resubscribe(std::move(subscriptions)); }
  bool UnsubscribeShared(SteadyTime deadline) override { return inner_->UnsubscribeShared(deadline); }
  void Stop(SteadyTime deadline) override { inner_->Stop(deadline); }
  ConnectionState State() const override { return inner_->State(); }

 private:
  const std::unique_ptr<FailpointSink> sink_;
  const std::unique_ptr<IntakeConnection> inner_;
};

class FailpointListener final : public PublishListener {
 public:
  FailpointListener(PublishListener& inner, Failpoint& failpoint) : inner_(inner), failpoint_(failpoint) {}

  void OnOutcomes(std::span<const PublishOutcome> outcomes) override {
    failpoint_.Reach(Point::kConfirmedBeforeRecord);
    inner_.OnOutcomes(outcomes);
  }

 private:
  PublishListener& inner_;
  Failpoint& failpoint_;
};

// As FailpointIntake, for the listener.
class FailpointPublisher final : public Publisher {
 public:
  FailpointPublisher(std::unique_ptr<FailpointListener> listener, std::unique_ptr<Publisher> inner,
                     Failpoint& failpoint, const Poison& poison)
      : listener_(std::move(listener)), inner_(std::move(inner)), failpoint_(failpoint), poison_(poison) {}

  void Start() override { inner_->Start(); }
  void Publish(std::vector<Outgoing> batch) override {
    for (const Outgoing& outgoing : batch) poison_.Taste(Poison::When::kPublished, outgoing.message->payload);
    inner_->Publish(std::move(batch));
    failpoint_.Reach(Point::kPublished);
  }
  void DropExpired() override { inner_->DropExpired(); }
  size_t Flush(SteadyTime deadline) override { return inner_->Flush(deadline); }
  void Stop(SteadyTime deadline) override { inner_->Stop(deadline); }
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override { return inner_->TakeOpen(); }
  ConnectionState State() const override { return inner_->State(); }

 private:
  const std::unique_ptr<FailpointListener> listener_;
  const std::unique_ptr<Publisher> inner_;
  Failpoint& failpoint_;
  const Poison& poison_;
};

}  // namespace

MqttDrivers WithFailpoint(const MqttDrivers& drivers, Failpoint& failpoint, const Poison& poison) {
  return {
      .intake = [make = drivers.intake, &failpoint](const MqttOptions& options, std::vector<Subscription> subscriptions,
                                                    InboundSink& sink, const Clock& clock,
                                                    MetricsRegistry& metrics) -> std::unique_ptr<IntakeConnection> {
        auto between = std::make_unique<FailpointSink>(sink, failpoint);
        auto connection = make(options, std::move(subscriptions), *between, clock, metrics);
        return std::make_unique<FailpointIntake>(std::move(between), std::move(connection));
      },
      .publisher = [make = drivers.publisher, &failpoint, &poison](
                       const MqttOptions& options, PublishListener& listener, const Clock& clock,
                       MetricsRegistry& metrics) -> std::unique_ptr<Publisher> {
        auto between = std::make_unique<FailpointListener>(listener, failpoint);
        auto publisher = make(options, *between, clock, metrics);
        return std::make_unique<FailpointPublisher>(std::move(between), std::move(publisher), failpoint, poison);
      },
      .end_session = drivers.end_session,
      .shared = drivers.shared,  // No failpoints: only the disk has faults there.
  };
}

}  // namespace sluice

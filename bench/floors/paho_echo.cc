// floor_paho_echo: Paho C++ alone, in and out: what a gateway over Paho cannot be faster than. Takes in on one
// connection and publishes on another, below the broker's window, as the gateway does.
// Runs until standard input ends or the broker has gone.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <deque>
#include <mutex>

#include "bench/floors/paho_client.h"
#include "bench/main.h"

namespace {

// Publishes what it is given from Paho's own callbacks, with at most `window` messages unconfirmed: no thread of its
// own, whose wake-ups would cost what no gateway has to pay.
class Egress : public virtual mqtt::iaction_listener {
 public:
  Egress(mqtt::async_client& client, std::string topic, int qos, size_t window)
      : client_(client), topic_(std::move(topic)), qos_(qos), window_(window) {}

  void Push(mqtt::const_message_ptr message) {
    {
      const std::lock_guard lock(mutex_);
      if (in_flight_ == window_) {
        waiting_.push_back(std::move(message));
        return;
      }
      ++in_flight_;
    }
    Publish(*message);
  }

  void on_success(const mqtt::token& /*token*/) override { Next(); }
  void on_failure(const mqtt::token& /*token*/) override { Next(); }

 private:
  void Next() {
    mqtt::const_message_ptr message;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        --in_flight_;
        return;
      }
      message = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Publish(*message);
  }

  void Publish(const mqtt::message& in) {
    try {
      client_.publish(mqtt::make_message(topic_, in.get_payload_ref(), qos_, false), nullptr, *this);
    } catch (const mqtt::exception&) {
      // The broker has gone, and with it the measure: WaitForEnd returns.
      const std::lock_guard lock(mutex_);
      --in_flight_;
    }
  }

  mqtt::async_client& client_;
  const mqtt::string_ref topic_;
  const int qos_;
  const size_t window_;
  std::mutex mutex_;
  std::deque<mqtt::const_message_ptr> waiting_;
  size_t in_flight_ = 0;
};

int Run(int argc, char** argv) {
  sluice::bench::PahoOptions options;
  std::string reply_topic = "bench/out";
  size_t window = 100;
  CLI::App app("Takes in messages with Paho C++ and publishes them again.");
  AddOptions(app, options);
  app.add_option("--reply-topic", reply_topic, "Where to publish")->capture_default_str();
  app.add_option("--window", window, "Unconfirmed messages")->check(CLI::Range(1, 60'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sluice::bench::PahoClient out(options, "egress");
  out.Connect();
  Egress egress(out.client(), reply_topic, options.qos, window);
  sluice::bench::PahoClient in(options, "intake");
  in.client().set_message_callback([&](mqtt::const_message_ptr message) { egress.Push(std::move(message)); });
  in.Connect();
  in.Subscribe(options.topic, options.qos);
  in.WaitForEnd();
  std::_Exit(0);  // Nothing is to be saved, and Paho's callbacks may still be under way.
}

}  // namespace

int main(int argc, char** argv) { return sluice::bench::RunMain(Run, argc, argv); }

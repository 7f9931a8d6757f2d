// floor_paho_echo: Paho C++ alone, in and out: what a gateway over Paho cannot be faster than. Takes in on one
// connection and publishes on another from a thread of its own, below the broker's window, as the gateway does.
// Runs until standard input ends or the broker has gone.
#include <CLI/CLI.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "bench/floors/paho_client.h"

namespace {

// Publishes what it is given, with at most `window` messages unconfirmed.
class Egress : public virtual mqtt::iaction_listener {
 public:
  Egress(mqtt::async_client& client, std::string topic, int qos, size_t window)
      : client_(client), topic_(std::move(topic)), qos_(qos), window_(window), thread_([this] { Run(); }) {}
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  ~Egress() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Push(mqtt::const_message_ptr message) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(message));
    }
    changed_.notify_one();
  }

  void on_success(const mqtt::token& /*token*/) override { Release(); }
  void on_failure(const mqtt::token& /*token*/) override { Release(); }

 private:
  void Release() {
    {
      const std::lock_guard lock(mutex_);
      --in_flight_;
    }
    changed_.notify_one();
  }

  void Run() {
    std::deque<mqtt::const_message_ptr> batch;
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || (!waiting_.empty() && in_flight_ < window_); });
      if (stopping_) return;
      while (!waiting_.empty() && in_flight_ < window_) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        ++in_flight_;
      }
      lock.unlock();
      for (const auto& in : batch) {
        const mqtt::binary_ref payload = in->get_payload_ref();
        client_.publish(mqtt::make_message(topic_, payload, qos_, false), nullptr, *this);
      }
      batch.clear();
      lock.lock();
    }
  }

  mqtt::async_client& client_;
  const std::string topic_;
  const int qos_;
  const size_t window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<mqtt::const_message_ptr> waiting_;
  size_t in_flight_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  sluice::bench::PahoOptions options;
  std::string reply_topic = "bench/out";
  size_t window = 100;
  CLI::App app("Takes in messages with Paho C++ and publishes them again.");
  AddOptions(app, options);
  app.add_option("--reply-topic", reply_topic, "Where to publish")->capture_default_str();
  app.add_option("--window", window, "Unconfirmed messages")->check(CLI::Range(1, 60'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    sluice::bench::PahoClient out(options, "egress");
    out.Connect();
    Egress egress(out.client(), reply_topic, options.qos, window);
    sluice::bench::PahoClient in(options, "intake");
    in.client().set_message_callback([&](mqtt::const_message_ptr message) { egress.Push(std::move(message)); });
    in.Connect();
    in.Subscribe(options.topic, options.qos);
    in.WaitForEnd();
    std::_Exit(0);  // Nothing is to be saved, and Paho's callbacks may still be under way.
  } catch (const mqtt::exception& error) {
    std::fprintf(stderr, "floor_paho_echo: %s\n", error.what());
    return 1;
  }
  return 0;
}

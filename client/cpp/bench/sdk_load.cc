// What a message costs a worker: a bare gateway keeps the window of one worker process full, and asks the kernel what
// CPU that process used.
//
//   sluice-sdk-load --seconds 3 --concurrency 0 --window 1000 --batch 64 --payload 128
//
// With --window 1 it is a ping-pong: the idle round trip.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX's.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/v1/worker.pb.h"
#include "version/version.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace {

namespace v1 = sluice::v1;
using Clock = std::chrono::steady_clock;

struct Flags {
  double seconds = 3;
  std::string worker = "sluice-echo-worker";
  uint32_t concurrency = 0;
  uint32_t window = 1000;
  uint32_t batch = 64;
  size_t payload = 128;
};

// Frames of deliveries, made once: only the ids are written anew. They are varints of five bytes.
class DeliveryMaker {
 public:
  explicit DeliveryMaker(const Flags& flags) {
    v1::GatewayFrame frame;
    v1::Delivery& delivery = *frame.add_deliveries();
    delivery.set_delivery_id(kFirstId);
    delivery.set_message_id("0190f4c1-7e2a-7000-8000-0123456789ab");
    delivery.set_route("temperature");
    delivery.set_chain("load");
    delivery.set_topic("plant/boiler/temp");
    delivery.set_payload(std::string(flags.payload, 'x'));
    delivery.set_qos(1);
    delivery.set_received_unix_ms(1'750'000'000'000);
    delivery.set_lease_ms(30'000);
    delivery.set_attempt(1);
    one_ = frame.SerializeAsString();
    id_at_ = one_.find(std::string("\x08\x80\x80\x80\x80\x01", 6)) + 1;
  }
  grpc::ByteBuffer Make(uint32_t count) {
    std::string bytes;
    bytes.reserve(one_.size() * count);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t at = bytes.size() + id_at_;
      bytes += one_;
      const uint64_t id = next_id_++;
      for (size_t byte = 0; byte < 4; ++byte) bytes[at + byte] = static_cast<char>(0x80 | (id >> (7 * byte) & 0x7F));
      bytes[at + 4] = static_cast<char>(id >> 28 & 0x7F);
    }
    const grpc::Slice slice(bytes);
    return {&slice, 1};
  }

 private:
  static constexpr uint64_t kFirstId = uint64_t{1} << 28;
  std::string one_;
  size_t id_at_ = 0;
  uint64_t next_id_ = kFirstId;
};

// Counts the settles of a frame: its fields with number 5.
uint32_t CountSettles(const grpc::ByteBuffer& frame) {
  std::vector<grpc::Slice> slices;
  if (!frame.Dump(&slices).ok()) return 0;
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  uint32_t settles = 0;
  for (size_t at = 0; at < bytes.size();) {
    settles += bytes[at] == ((v1::WorkerFrame::kSettlesFieldNumber << 3) | 2);
    size_t size = 0;
    int shift = 0;
    do {
      size |= static_cast<size_t>(bytes[++at] & 0x7F) << shift;
      shift += 7;
    } while ((bytes[at] & 0x80) != 0);
    at += 1 + size;
  }
  return settles;
}

struct Totals {
  std::atomic<uint64_t> settled = 0;
  std::atomic<uint64_t> frames_out = 0;
  std::atomic<uint64_t> frames_in = 0;
  std::mutex mutex;
  std::vector<double> round_trips_us;  // Of frames, with window 1.
};

class Session final : public grpc::ServerGenericBidiReactor {
 public:
  Session(const Flags& flags, Totals& totals) : flags_(flags), totals_(totals), maker_(flags) { StartRead(&in_); }

 private:
  void OnReadDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    if (!greeted_) {
      greeted_ = true;
      v1::GatewayFrame frame;
      frame.mutable_welcome()->set_protocol_version(1);
      frame.mutable_welcome()->add_accepted_chains()->set_chain("load");
      frame.mutable_welcome()->set_heartbeat_interval_ms(3'600'000);
      frame.mutable_welcome()->set_max_frame_bytes(16 << 20);
      const grpc::Slice slice(frame.SerializeAsString());
      out_ = grpc::ByteBuffer(&slice, 1);
      writing_ = true;
      StartWrite(&out_);
    } else {
      const uint32_t settled = CountSettles(in_);
      if (flags_.window == 1 && settled > 0) {
        const std::lock_guard totals_lock(totals_.mutex);
        totals_.round_trips_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - sent_).count());
      }
      in_flight_ -= settled;
      totals_.settled += settled;
      ++totals_.frames_in;
      Write();
    }
    StartRead(&in_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) Write();
  }
  void OnDone() override { delete this; }

  void Write() {
    const uint32_t count = std::min(flags_.batch, flags_.window - in_flight_);
    if (writing_ || count == 0) return;
    in_flight_ += count;
    writing_ = true;
    out_ = maker_.Make(count);
    ++totals_.frames_out;
    sent_ = Clock::now();
    StartWrite(&out_);
  }

  const Flags& flags_;
  Totals& totals_;
  std::mutex mutex_;
  DeliveryMaker maker_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  Clock::time_point sent_;
  uint32_t in_flight_ = 0;
  bool greeted_ = false;
  bool writing_ = false;
};

class Service final : public grpc::CallbackGenericService {
 public:
  Service(const Flags& flags, Totals& totals) : flags_(flags), totals_(totals) {}

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* /*context*/) override {
    return new Session(flags_, totals_);
  }
  const Flags& flags_;
  Totals& totals_;
};

// CPU seconds of a live process, from /proc/PID/stat (in clock ticks) or, finer, its schedstat of all threads.
double CpuSeconds(pid_t pid) {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

pid_t StartWorker(const Flags& flags, int port) {
  std::vector<std::string> command = {flags.worker,
                                      "--gateway",
                                      "127.0.0.1:" + std::to_string(port),
                                      "--chain",
                                      "load",
                                      "--reply-topic",
                                      "plant/reply",
                                      "--window",
                                      std::to_string(flags.window),
                                      "--concurrency",
                                      std::to_string(flags.concurrency)};
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& part : command) arguments.push_back(part.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  return posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 ? pid : -1;
}

int Run(const Flags& flags) {
  Totals totals;
  Service service(flags, totals);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const pid_t worker = StartWorker(flags, port);
  if (worker < 0) return 1;

  // Up to speed first; then measure.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const uint64_t settled = totals.settled;
  const uint64_t frames_out = totals.frames_out;
  const uint64_t frames_in = totals.frames_in;
  const double cpu = CpuSeconds(worker);
  const Clock::time_point began = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(flags.seconds));
  const double wall = std::chrono::duration<double>(Clock::now() - began).count();
  const double used = CpuSeconds(worker) - cpu;
  const auto messages = static_cast<double>(totals.settled - settled);
  const auto out = static_cast<double>(totals.frames_out - frames_out);
  const auto in = static_cast<double>(totals.frames_in - frames_in);
  std::printf(
      "concurrency %u  window %u  batch %u  payload %zu: %.0f messages/s, %.3f µs worker CPU each, "
      "%.1f to a frame in, %.1f out",
      flags.concurrency, flags.window, flags.batch, flags.payload, messages / wall, used * 1e6 / messages,
      messages / out, messages / in);
  {
    const std::lock_guard lock(totals.mutex);
    std::vector<double>& trips = totals.round_trips_us;
    if (!trips.empty()) {
      std::sort(trips.begin(), trips.end());
      std::printf(", round trip p50 %.0f µs p99 %.0f µs", trips[trips.size() / 2], trips[trips.size() * 99 / 100]);
    }
  }
  std::printf("\n");
  kill(worker, SIGKILL);
  waitpid(worker, nullptr, 0);
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app{"Measures what a message costs a worker of the C++ SDK."};
  app.set_version_flag("--version", "sluice-sdk-load " + std::string(sluice::BuildText()));
  app.add_option("--seconds", flags.seconds, "how long to measure")->capture_default_str();
  app.add_option("--worker", flags.worker, "the worker's program")->capture_default_str();
  app.add_option("--concurrency", flags.concurrency, "its handler threads")->capture_default_str();
  app.add_option("--window", flags.window, "messages in flight")->capture_default_str();
  app.add_option("--batch", flags.batch, "most deliveries to a frame")->capture_default_str();
  app.add_option("--payload", flags.payload, "bytes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return Run(flags);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice-sdk-load: %s\n", error.what());
    return 1;
  }
}

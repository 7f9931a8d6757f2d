// What an EventLoop is made of, for those who put sockets on it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/net/event_loop.h"
#include "server/runtime/mutex.h"

namespace sluice {

namespace asio = boost::asio;
using boost::system::error_code;

class IoContext : public asio::io_context {
 public:
  // One thread runs it: spares locks.
  IoContext() : asio::io_context(1) {}
  // Destroys every handler and joins the thread of a name look-up, which may take as long as that. Sockets and timers
  // may still be destroyed afterwards.
  using asio::io_context::shutdown;
};

// With the executor's type, since Asio's default would look it up at each operation.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

// Shared by the EventLoop and its thread, whichever ends last.
struct EventLoop::Impl {
  explicit Impl(std::string thread_name);

  void Run(std::shared_ptr<void> owner);
  void RunPosted();

  const std::string name;
  IoContext io;
  asio::executor_work_guard<Executor> work;
  std::atomic<bool> stopping = false;
  std::vector<std::function<void()>> running;  // Of the loop's thread. Kept for its capacity.

  Mutex mutex;
  CondVar changed;
  std::thread thread ABSL_GUARDED_BY(mutex);
  bool ended ABSL_GUARDED_BY(mutex) = true;
  bool left_behind ABSL_GUARDED_BY(mutex) = false;
  // Not asio::post() for each task: that allocates and wakes the thread each time, this once for all that wait.
  std::vector<std::function<void()>> posted ABSL_GUARDED_BY(mutex);
};

}  // namespace sluice

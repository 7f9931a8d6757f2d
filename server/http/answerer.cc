#include "server/http/answerer.h"

#include <pthread.h>

namespace sluice {

Answerer::Answerer(std::string name, std::vector<std::function<HttpResponse()>> makes)
    : name_(std::move(name)), makes_(std::move(makes)), waiting_(makes_.size()), thread_([this] { Run(); }) {}

void Answerer::Ask(HttpReply reply, size_t which) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  waiting_[which].push_back(std::move(reply));
  asked_ = true;
  changed_.NotifyOne();
}

void Answerer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void Answerer::Run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  while (true) {
    std::vector<std::vector<HttpReply>> asked(makes_.size());
    {
      MutexLock lock(mutex_);
      while (!asked_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      asked.swap(waiting_);
      asked_ = false;
    }
    for (size_t i = 0; i < asked.size(); ++i) {
      if (asked[i].empty()) continue;
      const HttpResponse response = makes_[i]();
      for (const HttpReply& reply : asked[i]) reply(response);
    }
  }
}

}  // namespace sluice

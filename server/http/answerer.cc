#include "server/http/answerer.h"

#include <pthread.h>

namespace sluice {

Answerer::Answerer(std::string name, std::function<HttpResponse()> make)
    : name_(std::move(name)), make_(std::move(make)), thread_([this] { Run(); }) {}

void Answerer::Ask(HttpReply reply) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  waiting_.push_back(std::move(reply));
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
    std::vector<HttpReply> asked;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      asked.swap(waiting_);
    }
    const HttpResponse response = make_();
    for (const HttpReply& reply : asked) reply(response);
  }
}

}  // namespace sluice

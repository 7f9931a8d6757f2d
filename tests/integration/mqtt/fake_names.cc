#include "tests/integration/mqtt/fake_names.h"

#include <dlfcn.h>
#include <netdb.h>

#include <map>
#include <utility>

#include "server/runtime/mutex.h"

namespace sluice {
namespace {

struct Answer {
  std::vector<std::string> addresses;
  int error = 0;
  bool blocked = false;
  int waiting = 0;  // Look-ups, while it is blocked.
};

struct Names {
  Mutex mutex;
  CondVar changed;
  std::map<std::string, Answer> answers ABSL_GUARDED_BY(mutex);

  // What is known about `name`, once that is not blocked; false when nothing is.
  bool Find(const std::string& name, Answer& answer) {
    MutexLock lock(mutex);
    auto found = answers.find(name);
    if (found == answers.end()) return false;
    // A name that goes while it is blocked: its last answer.
    do {
      answer = found->second;
      if (!answer.blocked) break;
      ++found->second.waiting;
      changed.Wait(mutex);
      found = answers.find(name);
    } while (found != answers.end());
    return true;
  }
  bool Waiting(const std::string& name) {
    MutexLock lock(mutex);
    return answers[name].waiting > 0;
  }

  void Set(const std::string& name, Answer answer) {
    MutexLock lock(mutex);
    answers[name] = std::move(answer);
  }
  void SetBlocked(const std::string& name, bool blocked) {
    MutexLock lock(mutex);
    answers[name].blocked = blocked;
    changed.NotifyAll();
  }
  void Remove(const std::string& name) {
    MutexLock lock(mutex);
    answers.erase(name);
    changed.NotifyAll();
  }
};

Names& AllNames() {
  static Names names;
  return names;
}

using LookUp = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

}  // namespace

FakeName::FakeName(std::string name, std::vector<std::string> addresses) : name_(std::move(name)) {
  AllNames().Set(name_, {.addresses = std::move(addresses)});
}
FakeName::FakeName(std::string name, int error) : name_(std::move(name)) { AllNames().Set(name_, {.error = error}); }
FakeName::~FakeName() { AllNames().Remove(name_); }
void FakeName::Block() { AllNames().SetBlocked(name_, true); }
bool FakeName::Blocks() const { return AllNames().Waiting(name_); }
void FakeName::Release() { AllNames().SetBlocked(name_, false); }

}  // namespace sluice

// Found by the linker before the C library's.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
  static const auto real = reinterpret_cast<sluice::LookUp>(dlsym(RTLD_NEXT, "getaddrinfo"));
  sluice::Answer answer;
  if (name == nullptr || !sluice::AllNames().Find(name, answer)) return real(name, service, hints, result);
  if (answer.error != 0) return answer.error;
  *result = nullptr;
  // freeaddrinfo() takes a list that is chained from the real one's.
  for (auto address = answer.addresses.rbegin(); address != answer.addresses.rend(); ++address) {
    addrinfo* one = nullptr;
    if (const int error = real(address->c_str(), service, hints, &one); error != 0) return error;
    one->ai_next = *result;
    *result = one;
  }
  return 0;
}

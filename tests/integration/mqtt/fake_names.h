// Names for one test program, in place of the machine's: fake_names.cc has the program's getaddrinfo(). Other names,
// and addresses, are looked up as ever.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace sluice {

// One name, as long as this lives.
class FakeName {
 public:
  // Has these addresses, in this order.
  FakeName(std::string name, std::vector<std::string> addresses);
  // Its look-up fails with this error of getaddrinfo().
  FakeName(std::string name, int error);
  ~FakeName();
  FakeName(const FakeName&) = delete;
  FakeName& operator=(const FakeName&) = delete;

  // Look-ups of it block from now on, until Release() or the end.
  void Block();
  void Release();
  // A look-up is blocked.
  bool Blocks() const;

 private:
  const std::string name_;
};

}  // namespace sluice

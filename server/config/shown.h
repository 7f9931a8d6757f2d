// A configuration as it may be shown: what its document says, without the secrets.
#pragma once

#include <memory>
#include <string>

#include "server/config/document.h"

namespace sluice {

// YAML with the same keys and values. Environment references and the names of files stand as they are written; a secret
// that is written out is "(secret)", also where an alias has carried it elsewhere.
std::string ShownConfig(const Value& document);

// Parts of one document, each shown as ShownConfig() shows it in the whole.
class ShownParts {
 public:
  explicit ShownParts(const Value& document);
  ~ShownParts();
  std::string Of(const Value& part);

 private:
  class Writer;
  friend std::string ShownConfig(const Value& document);
  friend std::string YamlOf(const Value& value);
  std::unique_ptr<Writer> writer_;
};

// YAML that ParseDocument reads as the same, secrets and all.
std::string YamlOf(const Value& value);

}  // namespace sluice

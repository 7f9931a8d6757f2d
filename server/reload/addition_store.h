// Where what was put beside the file is kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/addition.h"

namespace sluice {

struct StoredAddition {
  ItemKey key;
  std::string yaml;      // As ParseDocument reads it.
  uint64_t version = 0;  // From 1; grows with each put, whatever is put, and never comes again.
  int64_t put_unix_ms = 0;
  std::string put_by;

  friend bool operator==(const StoredAddition&, const StoredAddition&) = default;
};

// One thread at a time.
class AdditionStore {
 public:
  virtual ~AdditionStore() = default;
  // It outlives the process.
  virtual bool durable() const = 0;
  struct Content {
    std::vector<StoredAddition> additions;
    uint64_t last_version = 0;  // The highest there ever was.
  };
  virtual absl::StatusOr<Content> Read() const = 0;
  // All of it or, after an error, nothing. When it returns it has outlived a kill and, if it is durable, a loss of power.
  virtual absl::Status Write(std::span<const StoredAddition> put, std::span<const ItemKey> removed) = 0;
};

}  // namespace sluice

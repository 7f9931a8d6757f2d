// A worker's stream that remembers the results it was sent.
#pragma once

#include <utility>
#include <vector>

#include "server/worker/settle_handler.h"

namespace sluice {

// For one thread.
class RecordingResultSink final : public ResultSink {
 public:
  void SendResults(std::vector<ItemResult> results) override {
    for (ItemResult& result : results) all.push_back(std::move(result));
  }
  std::vector<ItemResult> all;
};

}  // namespace sluice

// Results gathered for several streams, sent with one call each.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "server/worker/settle_handler.h"

namespace sluice {

// For one thread. Gather under a lock, send without it.
class ResultBatches {
 public:
  void Add(std::shared_ptr<ResultSink> sink, ItemResult result) {
    if (sinks_.empty() || sinks_.back().first != sink) sinks_.emplace_back(std::move(sink), std::vector<ItemResult>());
    sinks_.back().second.push_back(std::move(result));
  }
  void Send() {
    for (auto& [sink, results] : sinks_) sink->SendResults(std::move(results));
  }

 private:
  std::vector<std::pair<std::shared_ptr<ResultSink>, std::vector<ItemResult>>> sinks_;
};

}  // namespace sluice

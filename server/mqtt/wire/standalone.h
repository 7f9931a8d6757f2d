// A link with one user of its own.
#pragma once

#include <memory>
#include <utility>

#include "server/mqtt/wire/link.h"

namespace sluice::wire {

template <typename Core>
struct Standalone {
  template <typename... Arguments>
  Standalone(MqttOptions options, Link::Role role, const Clock& clock, MetricsRegistry& metrics,
             Arguments&&... arguments)
      : link(std::move(options), role, clock, metrics), core(link, std::forward<Arguments>(arguments)...) {
    link.Serve(core);
  }

  // The core, which keeps both alive.
  template <typename... Arguments>
  static std::shared_ptr<Core> Make(Arguments&&... arguments) {
    auto both = std::make_shared<Standalone>(std::forward<Arguments>(arguments)...);
    return std::shared_ptr<Core>(both, &both->core);
  }

  Link link;
  Core core;
};

}  // namespace sluice::wire

// Workers, chains and connections at work, as people read them.
#pragma once

#include <string>
#include <vector>

#include "sluice/v1/live.pb.h"

namespace sluice::ctl {

// `colour`: for a terminal that shows it.
std::string WorkersTable(const v1::ListWorkersResponse& workers, bool colour,
                         const std::vector<std::string>* replicas = nullptr);
std::string WorkerText(const v1::LiveWorker& worker);
std::string ChainsTable(const v1::ListChainsResponse& chains, bool colour,
                        const std::vector<std::string>* replicas = nullptr);
std::string ConnectionsTable(const v1::ListConnectionsResponse& connections, bool colour,
                             const std::vector<std::string>* replicas = nullptr);

}  // namespace sluice::ctl

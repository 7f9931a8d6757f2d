// What a test of routes came to, for people. Used by the gateway's --test and by sluicectl.
#pragma once

#include <string>

#include "sluice/v1/admin.pb.h"

namespace sluice {

// A block of lines for each route. Topics and payloads may hold anything: for a terminal each line is to be made safe.
std::string DescribeTest(const v1::TestRoutesRequest& request, const v1::TestRoutesResponse& response);

// Some route takes it, each has a chain for it, and the reply, if one was asked about, may go.
bool TestPassed(const v1::TestRoutesRequest& request, const v1::TestRoutesResponse& response);

}  // namespace sluice

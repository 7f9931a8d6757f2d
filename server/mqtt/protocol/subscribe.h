// SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (MQTT 5.0 §3.8 - §3.11, 3.1.1 §3.8 - §3.11).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/mqtt/protocol/client.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/packet_ids.h"

namespace sluice::wire {

// Both: the packet id, or 0 when none is free.
uint16_t SendSubscribe(std::span<const SubscribeRequest> requests, bool mqtt5, PacketIds& ids, std::string& out);
uint16_t SendUnsubscribe(std::span<const std::string_view> filters, bool mqtt5, PacketIds& ids, std::string& out);

// The answers free the packet id. One whose identifier can be read and whose codes cannot is told with the code 0x81
// (malformed packet) for each filter, whatever the broker has done: it may be asked again. One that answers nothing
// that was asked is passed over.
WrongAnswer ReceiveSuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events);
WrongAnswer ReceiveUnsuback(std::string_view body, bool mqtt5, PacketIds& ids, ClientEvents& events);

// The answer is not waited for any more.
void ForgetRequest(PacketIds& ids, uint16_t packet_id);

// The connection is gone, and so are the requests that were not answered.
void FreeRequests(PacketIds& ids);

}  // namespace sluice::wire

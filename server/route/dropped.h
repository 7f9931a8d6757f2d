// What the stages that drop messages say of it.
#pragma once

namespace sluice {

// Of sluice_messages_dropped_total, which the router and the dispatcher count.
inline constexpr char kMessagesDroppedHelp[] =
    "Messages dropped, by reason; chain is empty where none was found yet. lease_expired and lost_worker are of QoS 0 "
    "and may have been acted upon.";

}  // namespace sluice

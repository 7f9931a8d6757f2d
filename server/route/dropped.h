// What the stages that drop messages say of it.
#pragma once

namespace sluice {

// Of sluice_messages_dropped_total, which the router and the dispatcher count.
inline constexpr char kMessagesDroppedHelp[] =
    "Messages dropped, by reason; chain is empty where none was found yet. lease_expired and lost_worker are of QoS 0 "
    "and may have been acted upon.";

// Of sluice_dead_letters_total, which what is recovered is counted in, too.
inline constexpr char kDeadLettersHelp[] =
    "Messages that went to the dead letters, by what ended their last attempt, or why no chain could take them (chain "
    "is "
    "empty then).";

}  // namespace sluice

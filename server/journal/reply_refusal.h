// Why the gateway itself does not publish a reply, as the journal keeps it until the dead letters have the reply.
#pragma once

#include <string>

#include "server/message/message_id.h"

namespace sluice {

struct ReplyRefusal {
  std::string reason;    // "denied: no filter of replies.allow matches the topic".
  MessageId message_id;  // Of the message that it answers; so are the next two.
  std::string route;
  std::string chain;
  std::string worker;  // Who sent it.
};

}  // namespace sluice

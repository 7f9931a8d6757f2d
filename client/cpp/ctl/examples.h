// An example for each command, for its --help. Of command_line.cc.
#pragma once

#include <string_view>

namespace sluice::ctl {

struct CommandExample {
  std::string_view command;  // "dlq list".
  std::string_view lines;    // What stands behind the program's name, one a line.
};

inline constexpr CommandExample kExamples[] = {
    {"status", "status\nstatus --all --address gw-0:7444,gw-1:7444"},
    {"dlq list", "dlq list --chain temperature --newer-than 24h\ndlq list --all --address sluice-headless:7444"},
    {"dlq show", "dlq show 01890a5d-ac96-774b-bcce-b302099a8057 --full"},
    {"dlq replay", "dlq replay --chain temperature --reason 'lease expired'"},
    {"dlq purge", "dlq purge --older-than 720h --yes"},
    {"dlq export", "dlq export letters.jsonl --chain temperature"},
    {"dlq import", "dlq import letters.jsonl"},
    {"session end", "session end sluice-2 --connection plant"},
    {"journal inspect", "journal inspect /var/lib/sluice"},
    {"journal verify", "journal verify /var/lib/sluice"},
    {"permissions test", "permissions test --as spiffe://plant/worker/7 --chain temperature --reply plant/7/reply"},
    {"config show", "config show"},
    {"config diff", "config diff gateway.yaml"},
    {"config apply", "config apply\nconfig apply gateway.yaml"},
    {"connection reconnect", "connection reconnect plant"},
    {"routes list", "routes list"},
    {"routes show", "routes show temperature"},
    {"routes put", "routes put route.yaml --dry-run"},
    {"routes delete", "routes delete temperature"},
    {"routes test", "routes test --topic plant/7/temp --payload payload.json"},
    {"chains list", "chains list"},
    {"chains show", "chains show temperature"},
    {"chains put", "chains put chain.yaml"},
    {"chains delete", "chains delete temperature"},
    {"chains status", "chains status temperature --watch\nchains status --all --address gw-0:7444,gw-1:7444"},
    {"connections list", "connections list"},
    {"connections show", "connections show plant"},
    {"connections put", "connections put connection.yaml"},
    {"connections delete", "connections delete plant"},
    {"connections status", "connections status plant"},
    {"rulego apply", "rulego apply endpoints.json --connection plant"},
    {"workers list", "workers list --watch 500ms"},
    {"workers show", "workers show temperature-alarm/host-1"},
    {"top", "top --every 1s --sort in-flight"},
    {"tail", "tail --topic 'plant/+/temp' --outcome reject"},
    {"trace", "trace 01890a5d-ac96-774b-bcce-b302099a8057\ntrace --topic 'plant/+/temp' --last 3 --since 5m"},
    {"worker drain", "worker drain temperature-alarm/host-1 --within 5m --reason upgrade"},
    {"worker disconnect", "worker disconnect temperature-alarm/host-1"},
    {"chain pause", "chain pause temperature --reason 'bad deploy'"},
    {"chain resume", "chain resume temperature"},
    {"gateway drain", "gateway drain --reason maintenance"},
    {"gateway resume", "gateway resume"},
    {"context list", "context list"},
    {"context use", "context use plant"},
    {"context show", "context show plant"},
    {"context set", "context set plant --address gw-0:7444,gw-1:7444 --ca-file ca.pem --token-file token"},
    {"context delete", "context delete plant"},
};

}  // namespace sluice::ctl

// The parts of a configuration, a function and a file each. Each reads what is there, reports what is wrong, and leaves
// defaults in place of what it could not read, so that the parts after it can be checked all the same.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/reader.h"

namespace sluice {

// A configuration in the making: what the parts say to each other besides the result.
struct Draft {
  GatewayConfig config;
  struct Connection {
    Qos qos = Qos::kAtMostOnce;  // Default of its routes.
    Position at;
    // Of the keys that say which client ids it uses; where they are absent, of the connection.
    Position client_id_at;
    Position replies_client_id_at;
    Position shared_at;
  };
  // All that are named, also those with errors.
  std::map<std::string, Connection, std::less<>> connections;
  struct DeadLetters {
    std::string key;  // "chains.NAME.deadLetterTopic"
    std::string topic;
    Position at;
  };
  std::vector<DeadLetters> dead_letters;
  std::vector<Position> route_at;  // Of config.routes.
};

// In the order in which they must be called: later ones use what earlier ones have left.
void ReadConnections(Reading& reading, MapReader& top, Draft& draft);
void ReadChains(Reading& reading, MapReader& top, Draft& draft);
void ReadRoutes(Reading& reading, MapReader& top, Draft& draft);
// No two MQTT connections to one broker may have one client id, whether it was written or derived.
void CheckClientIds(Reading& reading, const Draft& draft);
void ReadReplies(Reading& reading, MapReader& top, Draft& draft);
void ReadDeadLetters(Reading& reading, MapReader& top, Draft& draft);
void ReadTracing(Reading& reading, MapReader& top, Draft& draft);
void ReadTelemetry(Reading& reading, MapReader& top, Draft& draft);
void ReadWorkers(Reading& reading, MapReader& top, Draft& draft);
// After routes, chains, workers and admin.
void ReadPermissions(Reading& reading, MapReader& top, Draft& draft);
void ReadPressure(Reading& reading, MapReader& top, Draft& draft);
void ReadAdmin(Reading& reading, MapReader& top, Draft& draft);
void ReadAudit(Reading& reading, MapReader& top, Draft& draft);
// gateway, http, log, shutdown and journal.
void ReadProcess(Reading& reading, MapReader& top, Draft& draft);

// Where the value of `section.key` stands in the document `root`; nothing: it is the default.
std::optional<Position> PlaceOf(const Entry& root, std::string_view section, std::string_view key);

// What is wrong between the sections: listeners in each other's way. `root` is the whole document.
void CheckListeners(Reading& reading, const Entry& root, const Draft& draft);

// Whether what the gateway makes beside its journal can be where it is to be: sockets, and the audit file.
void CheckPlaces(Reading& reading, const Entry& root, const Draft& draft);

// `tls` and `listen` of the listener whose section is `path`. Nothing: there is an error, which has been reported.
std::optional<AuthenticationOptions> ReadAuthentication(Reading& reading, const Entry& entry, const std::string& path,
                                                        const std::optional<ListenerTls>& tls);

// TLS of a listener. `without_ca` is warned of when neither clientCaFile, where the section has one, nor `auth` asks who
// comes. `auth` null: there is none.
void ReadListenerTls(Reading& reading, const Section& section, const Entry& entry, std::string path,
                     std::string_view without_ca, const Entry* auth, ListenerTls& tls);

}  // namespace sluice

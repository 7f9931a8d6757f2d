// The sections that say who workers are, and what they may.
#include "server/config/schema.h"

namespace sluice {
namespace {

using enum KeyType;

constexpr Key kAuthKeys[] = {
    {"certificates", kMap, "", "",
     "Client certificates name who it is; needs `tls.clientCaFile`. An empty map will do: `certificates: {}`."},
    {"jwt", kListOfMaps, "", "",
     "JSON Web Tokens in the call's metadata, `authorization: Bearer TOKEN`, name who it is: the issuers whose tokens "
     "are "
     "taken."},
    {"require", kChoice, "", "any|all",
     "Of `certificates` and `jwt`, where both are there: one is enough, or both are needed. None: any. One that is "
     "shown "
     "must be good in any case."},
};

constexpr Key kCertificatesKeys[] = {
    {"names", kWords, "", "uri|dns|email|subject",
     "Which names of a certificate are taken: subject alternative names, and the subject itself. None: uri, dns and "
     "email. Ask for the subject only where the CA checks what it writes there."},
};

constexpr Key kJwtKeys[] = {
    {"issuer", kText, "", "", "The token's `iss`, letter by letter.", true},
    {"audiences", kTextList, "", "a list of texts such as sluice",
     "The token's `aud` must hold one of them, so that a token for another service is none here.", true},
    {"jwksFile", kFile, "", "",
     "The issuer's public keys, a JSON Web Key Set. Read again within a second after it has changed; a file that "
     "cannot "
     "be used is told, and the last good keys stay.",
     true},
    {"clockSkew", kDuration, "", "0..10m",
     "How far the issuer's clock may be off: what a token's times may be missed by. None: 1m. Whole seconds."},
};

constexpr Key kPermissionKeys[] = {
    {"name", kText, "", "any text", "Names the rule for people. None: `permissions[N]`."},
    {"who", kNamePatterns, "", "a list of names such as spiffe://plant/worker/*, dns:NAME or sub:SUBJECT",
     "Whom it applies to, by verified names: `spiffe://…`, `uri:…`, `dns:…`, `email:…` and `subject:…` of a "
     "certificate, "
     "`sub:…` of a token. `*` stands for one or more characters but `/` and `:` (in `dns:` names also `.`), `**` for "
     "any. "
     "None: whoever has the claims."},
    {"claims", kClaims, "", "names of claims, each with a text or a list of texts",
     "What the token must say besides: each of these claims, with one of the values (`*` and `**` as above). A name "
     "that "
     "begins with `/` is a JSON Pointer: `/kubernetes.io/namespace`."},
    {"chains", kChainPatterns, "", "a list of names of chains, with `*` for any characters", "What they may serve."},
    {"replies", kMap, "", "", "Where replies to messages of these chains may go. None: nowhere."},
    {"role", kChoice, "", "viewer|operator|admin",
     "As an administrator (`admin.auth`). viewer: looks. operator: also replays and imports dead letters, pauses "
     "chains, drains workers and the gateway, sees payloads pass, makes connections anew, and puts routes and chains. "
     "admin: also purges them, ends sessions, puts "
     "connections and changes the configuration. None: none."},
    {"window", kMap, "", "", "Bounds on what one of their streams has in flight."},
    {"streams", kNumber, "", "1..100000", "How many streams one of them may have at once."},
    {"rate", kMap, "", "",
     "How much one of them may send a second, over all its streams. More is not dropped: it is read later."},
};

constexpr Key kPermissionsFileKeys[] = {
    {"permissions", kListOfMaps, "", "", "The rules, as they stand in the configuration.", true},
};

constexpr Key kPermissionRepliesKeys[] = {
    {"allow", kReplyFilters, "", "a list of topic filters such as plant/${topic.2}/reply/#",
     "Topics that replies may go to, within `replies.allow`. `${topic.N}` is level N of the topic of the message that "
     "is "
     "answered, `${topic}` all of it. Environment references are **not** expanded here."},
    {"deny", kReplyFilters, "", "a list of topic filters such as plant/+/admin/#",
     "Topics that no reply of theirs may go to, whichever rule allows it, for whatever chain."},
    {"qos", kQos, "", "", "The highest QoS. None: 2."},
    {"retain", kFlag, "", "", "true: replies may be retained. None: false."},
};

constexpr Key kPermissionWindowKeys[] = {
    {"messages", kNumber, "", "1..1048576", "Messages in flight."},
    {"bytes", kBytes, "", "1KiB..1024GiB", "The same in bytes."},
};

constexpr Key kPermissionRateKeys[] = {
    {"messages", kNumber, "", "1..1000000000", "Replies a second."},
    {"bytes", kBytes, "", "1KiB..1024GiB", "Bytes of frames a second."},
};

constexpr Key kAuditKeys[] = {
    {"file", kPath, "", "the path of a file",
     "Each act of an administrator, each refusal and each look that fails is a line of JSON: who, from where, what, "
     "how it went; never a "
     "payload or a secret. Appended to, made with mode 0600, opened for each line, so that it can be rotated. None: "
     "they "
     "stand in the log, as the event `audit`."},
};

}  // namespace

constinit const Section kPermissionsFileSection{"permissionsFile", "What stands in it.", kPermissionsFileKeys};
constinit const Section kAuditSection{"audit", "", kAuditKeys};
constinit const Section kWorkersAuthSection{
    "workers.auth", "Also `admin.auth`. [security.md](security.md) says how to choose.", kAuthKeys};
constinit const Section kWorkersAuthCertificatesSection{"workers.auth.certificates", "", kCertificatesKeys};
constinit const Section kWorkersAuthJwtSection{"workers.auth.jwt[]", "An issuer of tokens, each with its own keys.",
                                               kJwtKeys};
constinit const Section kPermissionSection{
    "permissions[]",
    "A rule. Rules add up: what one of them gives is given, what one of them denies is denied, and of bounds the "
    "tightest "
    "holds. With rules, who is named by none may nothing. In the configuration they are read at the start only; in a "
    "file of their own (`permissionsFile`) they can be replaced while the gateway runs.",
    kPermissionKeys};
constinit const Section kPermissionRepliesSection{"permissions[].replies", "", kPermissionRepliesKeys};
constinit const Section kPermissionWindowSection{"permissions[].window", "", kPermissionWindowKeys};
constinit const Section kPermissionRateSection{"permissions[].rate", "", kPermissionRateKeys};

}  // namespace sluice

#include "server/config/rulego.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "server/config/address.h"
#include "server/config/document.h"
#include "server/config/nearest.h"
#include "server/config/reader.h"
#include "server/config/target.h"
#include "server/message/topic.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr std::string_view kFromProcessors[] = {"headersToMetadata", "setJsonDataType", "setTextDataType",
                                                "setBinaryDataType", "toHex"};
constexpr std::string_view kToProcessors[] = {"responseToBody", "metadataToHeaders"};

// RuleGo's spellings of a key come in any case, with a newer and an older name for some.
constexpr std::pair<std::string_view, std::string_view> kConnectionKeys[] = {
    {"server", "server"},
    {"username", "username"},
    {"password", "password"},
    {"qos", "qos"},
    {"cleansession", "cleanSession"},
    {"clientid", "clientId"},
    {"cafile", "caFile"},
    {"certfile", "certFile"},
    {"certkeyfile", "certKeyFile"},
    {"maxreconnectinterval", "maxReconnectInterval"},
};

// In double quotes, which YAML reads as JSON does.
std::string InQuotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// A text that a file's reader takes as it stands: '$' begins a reference there.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped.append(c == '$' ? 2 : 1, c);
  return InQuotes(escaped);
}

const Value* Find(const Value& map, std::string_view key) {
  for (const Entry& entry : map.entries) {
    if (text::Lower(entry.key) == text::Lower(key)) return &entry.value;
  }
  return nullptr;
}

std::string_view TextOf(const Value* value) {
  return value != nullptr && value->kind == Value::Kind::kScalar ? std::string_view(value->text) : std::string_view();
}

bool IsTrue(const Value* value) { return text::Lower(TextOf(value)) == "true" || TextOf(value) == "1"; }

bool IsMqtt(std::string_view type) { return type == "mqtt" || type == "endpoint/mqtt"; }

class Importer {
 public:
  // `target` null: for a file.
  Importer(std::string file, const RuleGoTarget* target) : file_(std::move(file)), target_(target) {}

  RuleGoImport Take(const Value& root) {
    std::vector<const Value*> endpoints;
    if (root.kind == Value::Kind::kList) {
      for (const Value& item : root.items) endpoints.push_back(&item);
    } else if (const Value* metadata = Find(root, "metadata"); metadata != nullptr) {
      if (const Value* list = Find(*metadata, "endpoints"); list != nullptr) {
        for (const Value& item : list->items) endpoints.push_back(&item);
      }
    } else {
      endpoints.push_back(&root);
    }
    for (const Value* endpoint : endpoints) NameEndpoint(*endpoint);
    for (const Value* endpoint : endpoints) ReadEndpoint(*endpoint);
    if (routes_.empty() && result_.errors.empty()) {
      Error(root.at,
            "found no router of an endpoint of the type endpoint/mqtt; allowed: endpoint DSL, a list of it, or a "
            "rule chain with endpoints in its metadata");
    }
    std::sort(result_.errors.begin(), result_.errors.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    result_.yaml = target_ == nullptr ? Yaml() : PutYaml();
    return std::move(result_);
  }

 private:
  void Error(Position at, std::string message) {
    result_.errors.push_back({.file = file_, .line = at.line, .column = at.column, .message = std::move(message)});
  }
  void Warn(Position at, std::string message) {
    result_.warnings.push_back(
        Diagnostic{.file = file_, .line = at.line, .column = at.column, .message = std::move(message)}.ToString());
  }

  // What is put knows no references.
  std::string Literal(std::string_view text) const { return target_ == nullptr ? Escaped(text) : InQuotes(text); }

  // Before any is read: one may borrow the connection of another that comes later.
  void NameEndpoint(const Value& endpoint) {
    if (endpoint.kind != Value::Kind::kMap || !IsMqtt(TextOf(Find(endpoint, "type")))) return;
    std::string name;
    for (const char c : TextOf(Find(endpoint, "id"))) {
      name += text::IsAlnum(c) || c == '-' || c == '_' || c == '.' ? c : '-';
    }
    if (name.empty()) name = "broker";
    std::string unique = name;
    for (int more = 2; !taken_.insert(unique).second; ++more) unique = text::Concat(name, "-", more);
    names_[&endpoint] = unique;
    by_id_.try_emplace(std::string(TextOf(Find(endpoint, "id"))), unique);
  }

  void ReadEndpoint(const Value& endpoint) {
    if (endpoint.kind != Value::Kind::kMap) {
      Error(endpoint.at, "this is no endpoint; allowed: a map with type, configuration and routers");
      return;
    }
    const Value* type = Find(endpoint, "type");
    if (!IsMqtt(TextOf(type))) {
      Warn(endpoint.at, text::Concat("an endpoint of the type ", Quoted(TextOf(type)),
                                     " is left out: the gateway speaks MQTT; run it where it ran"));
      return;
    }
    std::string connection = names_[&endpoint];
    const Value nothing;
    const Value* configuration = Find(endpoint, "configuration");
    ReadConnection(configuration == nullptr ? nothing : *configuration, endpoint, connection);
    const std::string before = Processors(Find(endpoint, "processors"), kFromProcessors);
    const Value* routers = Find(endpoint, "routers");
    if (routers == nullptr || routers->items.empty()) {
      Warn(endpoint.at, "this endpoint has no routers: nothing is subscribed for it");
      return;
    }
    for (const Value& router : routers->items) ReadRouter(router, connection, before);
  }

  // Whether the gateway's file has it already, or an error has been reported.
  bool IsInFile(std::string_view address, Position at, const std::string& connection) {
    const auto found = target_->connections.find(connection);
    if (found == target_->connections.end()) return false;
    absl::StatusOr<ServerAddress> server = ParseServerAddress(address);
    if (server.ok() && server->scheme.empty()) server->scheme = "tcp";
    const auto is_it = [&server](std::string_view one) {
      one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
      return BrokerIdentity(server->Uri()) == BrokerIdentity(one);
    };
    if (server.ok() && std::ranges::none_of(text::Split(found->second, ','), is_it)) {
      Error(at, text::Concat("the gateway's file has a connection ", Quoted(connection), " to ", Quoted(found->second),
                             "; allowed: --connection with the name of the one to use, or another id of the endpoint"));
    }
    return true;
  }

  void ReadConnection(const Value& configuration, const Value& endpoint, std::string& connection) {
    if (target_ != nullptr && !target_->connection.empty()) {
      connection = target_->connection;
      return;
    }
    const Value* server = Find(configuration, "server");
    const std::string_view address = server == nullptr ? "127.0.0.1:1883" : TextOf(server);
    if (address.starts_with("ref://")) {
      const auto lender = by_id_.find(std::string(address.substr(6)));
      if (lender == by_id_.end()) {
        Error(server->at, text::Concat("found ", Quoted(address),
                                       ", which is no endpoint in this file; allowed: the id of one that "
                                       "is, or the broker's address: shared nodes are not the gateway's"));
        return;
      }
      connection = lender->second;
      return;
    }
    if (const auto parsed = ParseServerAddress(address); !parsed.ok()) {
      Error(server == nullptr ? endpoint.at : server->at,
            text::Concat("server ", text::Message(parsed.status()),
                         "; allowed: host:port, or tcp:// ssl:// ws:// wss:// before it"));
      return;
    }
    if (target_ != nullptr && IsInFile(address, server == nullptr ? endpoint.at : server->at, connection)) return;
    std::string yaml = text::Concat("  ", connection, ":\n    server: ", InQuotes(address), "\n");
    std::set<std::string_view> seen = {"server"};
    for (const Entry& entry : configuration.entries) {
      const std::string key = text::Lower(entry.key);
      const auto* known = std::find_if(std::begin(kConnectionKeys), std::end(kConnectionKeys),
                                       [&](const auto& pair) { return pair.first == key; });
      if (known == std::end(kConnectionKeys)) {
        Warn(entry.at, text::Concat("configuration.", entry.key, " is left out: RuleGo ignores it, too"));
        continue;
      }
      if (!seen.insert(known->second).second) continue;
      yaml += ConnectionKey(known->second, entry.value, connection);
    }
    connections_ += yaml;
  }

  std::string ConnectionKey(std::string_view key, const Value& value, std::string_view connection) {
    const std::string_view text = TextOf(&value);
    if (text.empty()) return "";  // As if it were not there.
    if (key == "password" && target_ != nullptr) {
      if (target_->password_file.empty()) {
        Error(value.at,
              "password: stands in the file, and a gateway that runs takes none by word; allowed: --password-file with "
              "the name of a file on the gateway's machine that holds it, or --connection");
      }
      return text::Concat("    passwordFile: ", InQuotes(target_->password_file), "\n");
    }
    if (key == "password") {
      std::string variable = text::Lower(connection) + "_password";
      for (char& c : variable) c = text::IsAlnum(c) ? static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) : '_';
      if (text::IsDigit(variable.front())) variable.insert(0, "P_");
      return text::Concat("    password: ${", variable, "}  # From the environment; or passwordFile.\n");
    }
    if (key == "cleanSession") {
      return IsTrue(&value) ? "    cleanSession: true  # The broker forgets what comes while the gateway is away.\n"
                            : "";
    }
    if (key == "qos" && text != "0" && text != "1" && text != "2") {
      Error(value.at, text::Concat("qos: found ", Quoted(text),
                                   "; allowed: 0, 1 or 2 (RuleGo's subscription fails without a word)"));
      return "";
    }
    if (key == "qos") return text::Concat("    qos: ", text, "\n");
    if (key == "maxReconnectInterval") return text::Concat("    maxReconnectInterval: ", text, "\n");
    return text::Concat("    ", key, ": ", Literal(text), "\n");
  }

  void ReadRouter(const Value& router, const std::string& connection, const std::string& before) {
    const Value* from = Find(router, "from");
    const Value* to = Find(router, "to");
    const Value* filter = from == nullptr ? nullptr : Find(*from, "path");
    const Value* path = to == nullptr ? nullptr : Find(*to, "path");
    if (TextOf(filter).empty()) {
      Error(router.at, "this router has no from.path; allowed: a topic filter, such as plant/+/temp");
      return;
    }
    if (const auto parsed = ParseSubscription(TextOf(filter)); !parsed.ok()) {
      Error(filter->at, text::Concat("from.path: found ", Quoted(TextOf(filter)), " (", text::Message(parsed.status()),
                                     "); allowed: a topic filter, such as plant/+/temp"));
      return;
    }
    if (TextOf(path).empty()) {
      Error(router.at, "this router has no to.path, so its messages go nowhere; allowed: chain:ID, or chain:ID:NODE");
      return;
    }
    if (TextOf(path).starts_with("component:")) {
      Error(path->at,
            text::Concat(
                "to.path: found ", Quoted(TextOf(path)),
                ": a component runs in RuleGo's own process; allowed: a chain "
                "with this one node, or serve the endpoint with sluice-rulego --endpoints and name a chain here"));
      return;
    }
    const auto target = ParseTarget(TextOf(path));
    if (!target.ok()) {
      Error(path->at, text::Concat("to.path: found ", Quoted(TextOf(path)), " (", text::Message(target.status()),
                                   "); allowed: chain:ID, or chain:ID:NODE"));
      return;
    }
    std::string id(TextOf(Find(router, "id")));
    if (id.empty()) id = TextOf(filter);
    if (!ids_.insert(id).second) {
      Error(router.at, text::Concat("the id ", Quoted(id),
                                    " is another router's, too; allowed: one route to an id (RuleGo keeps the last)"));
      return;
    }
    if (const auto [first, is_new] = filters_.try_emplace(text::Concat(connection, " ", TextOf(filter)), id); !is_new) {
      Error(filter->at,
            text::Concat("from.path: ", Quoted(TextOf(filter)), " is the filter of router ", Quoted(first->second),
                         ", too; allowed: one route to a filter (in RuleGo the last gets all messages)"));
      return;
    }
    std::string processors = Processors(Find(*from, "processors"), kFromProcessors);
    if (!before.empty()) processors = processors.empty() ? before : before + ", " + processors;
    const std::string replies = Processors(Find(*to, "processors"), kToProcessors);
    routes_ += text::Concat("  - id: ", Literal(id), "\n    connection: ", connection,
                            "\n    from: {path: ", Literal(TextOf(filter)),
                            processors.empty() ? "" : text::Concat(", processors: [", processors, "]"),
                            "}\n    to: {path: ", InQuotes(TextOf(path)),
                            replies.empty() ? "" : text::Concat(", processors: [", replies, "]"), "}\n");
    if (IsTrue(Find(*to, "wait"))) Ordered(*target, path->at);
  }

  // RuleGo's `wait` runs an endpoint's messages one after the other. What must not be overtaken is what has the same topic.
  void Ordered(const TargetParts& target, Position at) {
    if (target.is_template || text::Contains(target.chain, "${")) {
      Warn(at,
           "wait: true of a router whose chain each message names: set chainDefaults.orderBy if their order matters");
    } else if (target_ != nullptr && target_->chains.contains(target.chain)) {
      Warn(at, text::Concat("wait: true: the gateway's file has the chain ", Quoted(target.chain),
                            "; its orderBy says what stays in order"));
    } else if (ordered_.insert(target.chain).second) {
      chains_ += text::Concat("  ", InQuotes(target.chain), ": {orderBy: topic}  # RuleGo's wait: true, by topic.\n");
    }
  }

  std::string Processors(const Value* list, std::span<const std::string_view> known) {
    std::string text;
    if (list == nullptr) return text;
    for (const Value& item : list->items) {
      if (std::find(known.begin(), known.end(), TextOf(&item)) == known.end()) {
        Error(item.at,
              text::Concat("processors: found ", Quoted(TextOf(&item)), DidYouMean(TextOf(&item), known),
                           ", which is a program's own; allowed: ", text::Join(known, ", "),
                           ". Leave it out here, and serve the endpoint with a program of package rulego that has it"));
        continue;
      }
      text += text::Concat(text.empty() ? "" : ", ", item.text);
    }
    return text;
  }

  std::string PutYaml() const {
    std::string yaml;
    const auto add = [&yaml](std::string_view section, const std::string& content) {
      if (!content.empty()) yaml += text::Concat(section, ":\n", content);
    };
    add("connections", connections_);
    add("chains", chains_);
    add("routes", routes_);
    return yaml;
  }

  std::string Yaml() const {
    return text::Concat(
        "# Made of ", file_, " by sluice-gateway --import-rulego.\n\nconnections:\n", connections_, "\nroutes:\n",
        routes_, chains_.empty() ? "" : text::Concat("\nchains:\n", chains_),
        "\n# What is acknowledged stands here until it is settled.\njournal:\n  path: sluice-data\n"
        "\nworkers:\n  listen: 127.0.0.1:7443\n  insecure: true  # On this machine only; else tls (docs/security.md).\n"
        "\nhttp:\n  listen: 127.0.0.1:9090\n");
  }

  const std::string file_;
  const RuleGoTarget* const target_;
  RuleGoImport result_;
  std::map<const Value*, std::string> names_;  // Of each endpoint's connection.
  std::map<std::string, std::string> by_id_;   // Connections.
  std::set<std::string> taken_;
  std::set<std::string> ids_;
  std::map<std::string, std::string> filters_;
  std::set<std::string> ordered_;
  std::string connections_;
  std::string routes_;
  std::string chains_;
};

RuleGoImport Import(const RuleGoTarget* target, std::string_view text, const std::string& file) {
  // JSON is YAML but for tabs, which stand between values only.
  std::string json(text);
  std::replace(json.begin(), json.end(), '\t', ' ');
  std::variant<Value, Diagnostic> document = ParseDocument(json, file);
  if (auto* error = std::get_if<Diagnostic>(&document)) {
    RuleGoImport result;
    result.errors.push_back(std::move(*error));
    return result;
  }
  return Importer(file, target).Take(std::get<Value>(document));
}

}  // namespace

RuleGoImport ImportRuleGo(std::string_view text, const std::string& file) { return Import(nullptr, text, file); }

RuleGoImport ImportRuleGoFor(const RuleGoTarget& target, std::string_view text, const std::string& file) {
  return Import(&target, text, file);
}

}  // namespace sluice

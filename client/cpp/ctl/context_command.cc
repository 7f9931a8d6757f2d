// The file of contexts, shown and changed.
#include <algorithm>
#include <filesystem>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/text.h"
#include "server/telemetry/json_string.h"

namespace sluice::ctl {
namespace {

std::string JsonOf(const std::string& name, const Context& context, bool current) {
  std::string text = "{\"name\":";
  AppendJsonString(text, name);
  text += std::string(",\"current\":") + (current ? "true" : "false") + ",\"addresses\":[";
  for (size_t i = 0; i < context.addresses.size(); ++i) {
    if (i > 0) text += ',';
    AppendJsonString(text, context.addresses[i]);
  }
  text += ']';
  const auto add = [&text](const char* key, const std::string& value) {
    text += std::string(",\"") + key + "\":";
    AppendJsonString(text, value);
  };
  add("ca_file", context.ca_file);
  add("cert_file", context.cert_file);
  add("key_file", context.key_file);
  add("token_file", context.token_file);
  return text + "}\n";
}

std::string Addresses(const Context& context) {
  std::string text;
  for (const std::string& address : context.addresses) text += (text.empty() ? "" : ",") + address;
  return text.empty() ? "-" : Printable(text);
}

int List(const Contexts& contexts, bool json, const Console& console) {
  Table table({"", "CONTEXT", "ADDRESSES", "TLS", "TOKEN"});
  for (const auto& [name, context] : contexts.named) {
    const bool current = name == contexts.current;
    if (json) {
      console.out << JsonOf(name, context, current);
      continue;
    }
    const bool tls = !context.ca_file.empty() || !context.cert_file.empty() || !context.key_file.empty();
    table.Add({current ? "*" : "", name, Addresses(context), tls ? "yes" : "-",
               context.token_file.empty() ? "-" : Printable(context.token_file)});
  }
  if (!json) console.out << (contexts.named.empty() ? "there is none; context set makes one\n" : table.ToString());
  return kOk;
}

int Show(const Contexts& contexts, const std::string& wanted, bool json, const Console& console) {
  const std::string name = wanted.empty() ? contexts.current : wanted;
  if (name.empty()) return Fail(absl::NotFoundError("no context is in use; context use NAME sets one"), console);
  const absl::StatusOr<Context> context = contexts.Find(name);
  if (!context.ok()) return Fail(context.status(), console);
  if (json) {
    console.out << JsonOf(name, *context, name == contexts.current);
    return kOk;
  }
  const auto line = [&console](const std::string& what, const std::string& value) {
    if (!value.empty()) console.out << what << std::string(12 - what.size(), ' ') << Printable(value) << "\n";
  };
  line("context", name + (name == contexts.current ? " (in use)" : ""));
  for (const std::string& address : context->addresses) line("address", address);
  line("CA file", context->ca_file);
  line("cert file", context->cert_file);
  line("key file", context->key_file);
  line("token file", context->token_file);
  return kOk;
}

// What is said goes before what was there.
void Merge(const Context& said, Context& context) {
  if (!said.addresses.empty()) context.addresses = said.addresses;
  for (std::string Context::* file :
       {&Context::ca_file, &Context::cert_file, &Context::key_file, &Context::token_file}) {
    // The file stands elsewhere than where sluicectl is called the next time.
    if (!(said.*file).empty()) context.*file = std::filesystem::absolute(said.*file).lexically_normal();
  }
}

}  // namespace

int RunContext(const ContextCommand& command, bool json, const Console& console) {
  const std::string path = ContextsPath(console);
  absl::StatusOr<Contexts> contexts = ReadContexts(path);
  if (!contexts.ok()) return Fail(contexts.status(), console);
  if (const std::string said = AboutMode(path); !said.empty()) console.err << "sluicectl: " << said << "\n";
  std::string done;
  switch (command.verb) {
    case ContextCommand::Verb::kList:
      return List(*contexts, json, console);
    case ContextCommand::Verb::kShow:
      return Show(*contexts, command.name, json, console);
    case ContextCommand::Verb::kUse:
      if (const absl::StatusOr<Context> found = contexts->Find(command.name); !found.ok()) {
        return Fail(found.status(), console);
      }
      contexts->current = command.name;
      done = "context '" + command.name + "' is in use";
      break;
    case ContextCommand::Verb::kSet: {
      if (!IsContextName(command.name)) {
        console.err << "sluicectl: '" << Printable(command.name)
                    << "' is no name; allowed: letters, digits, '-', '_' and '.', at most 64\n";
        return kUsage;
      }
      const auto [context, fresh] = contexts->named.try_emplace(command.name);
      Merge(command.context, context->second);
      if (context->second.addresses.empty()) {
        console.err << "sluicectl: context set needs an --address\n";
        return kUsage;
      }
      if (contexts->current.empty()) contexts->current = command.name;
      done = "context '" + command.name + (fresh ? "' is made" : "' is changed") +
             (contexts->current == command.name ? ", and in use" : "");
      break;
    }
    case ContextCommand::Verb::kDelete:
      if (const absl::StatusOr<Context> found = contexts->Find(command.name); !found.ok()) {
        return Fail(found.status(), console);
      }
      contexts->named.erase(command.name);
      done = "context '" + command.name + "' is deleted";
      if (contexts->current == command.name) {
        contexts->current.clear();
        done += "; none is in use now";
      }
      break;
  }
  if (absl::Status status = WriteContexts(path, *contexts); !status.ok()) return Fail(status, console);
  if (!json) console.out << done << "\n";
  if (json && contexts->named.contains(command.name)) {
    console.out << JsonOf(command.name, contexts->named.at(command.name), contexts->current == command.name);
  }
  return kOk;
}

}  // namespace sluice::ctl

// What is wrong with the words of a command line, said better than CLI11 would. Of command_line.cc, where CLI11 stays.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/nearest.h"

namespace sluice::ctl {

inline std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}
inline std::string NamesOf(const std::vector<const CLI::App*>& commands) {
  std::string list;
  for (const CLI::App* each : commands) list += (list.empty() ? "" : ", ") + each->get_name();
  return list;
}
// " of dlq list"; empty for the whole.
inline std::string Of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* each = &app; each->get_parent() != nullptr; each = each->get_parent()) {
    words.insert(0, " " + each->get_name());
  }
  return words.empty() ? "" : " of" + words;
}

// `app` and those above it know options.
inline const CLI::Option* FindOption(const CLI::App& app, const std::string& name) {
  for (const CLI::App* each = &app; each != nullptr; each = each->get_parent()) {
    if (const CLI::Option* option = each->get_option_no_throw(name)) return option;
  }
  return nullptr;
}
inline CLI::ParseError NoSuchOption(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::App* each = &app; each != nullptr; each = each->get_parent()) {
    for (const CLI::Option* option : each->get_options()) {
      for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
    }
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  return {"'" + name + "' is no option" + Of(app) + DidYouMean(name, names), CLI::ExitCodes::ExtrasError};
}
// " (did you mean 'chain pause'?)" of "chains pause": some groups of one are told from those of many, and each has
// commands of its own. Else empty.
inline std::string DidYouMeanOtherGroup(const CLI::App& group, const std::string& word) {
  if (group.get_parent() == nullptr) return "";
  for (const CLI::App* other : Subcommands(*group.get_parent())) {
    if (other->get_name() != group.get_name() + "s" && other->get_name() + "s" != group.get_name()) continue;
    std::vector<std::string_view> names;
    const std::vector<const CLI::App*> commands = Subcommands(*other);
    names.reserve(commands.size());
    for (const CLI::App* each : commands) names.push_back(each->get_name());
    const std::string_view nearest = Nearest(word, names);
    if (!nearest.empty()) return " (did you mean '" + other->get_name() + " " + std::string(nearest) + "'?)";
  }
  return "";
}
inline CLI::ParseError NoSuchCommand(const CLI::App& app, const std::vector<const CLI::App*>& known,
                                     const std::string& word) {
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const CLI::App* each : known) names.push_back(each->get_name());
  std::string advice = DidYouMean(word, names);
  if (advice.empty()) advice = DidYouMeanOtherGroup(app, word);
  return {"'" + word + "' is no command" + Of(app) + advice + "; there are: " + NamesOf(known),
          CLI::ExitCodes::ExtrasError};
}

// Words that are no commands, and options that no command here has: CLI11 would only say that one is missing, or that
// an argument was not expected.
inline void CheckCommands(const CLI::App& program, std::span<const std::string> arguments) {
  const CLI::App* app = &program;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") break;
    if (argument.starts_with('-')) {
      const std::string name = argument.substr(0, argument.find('='));
      const CLI::Option* option = FindOption(*app, name);
      if (option == nullptr && name.starts_with("--")) throw NoSuchOption(*app, name);
      if (option != nullptr && name == argument && option->get_items_expected_min() > 0) ++i;
      continue;
    }
    const std::vector<const CLI::App*> known = Subcommands(*app);
    if (known.empty()) continue;
    const auto found =
        std::ranges::find_if(known, [&argument](const CLI::App* each) { return each->get_name() == argument; });
    if (found == known.end()) throw NoSuchCommand(*app, known, argument);
    app = *found;
  }
  for (const char* alone : {"-h", "--help", "--version"}) {
    if (std::ranges::find(arguments, alone) != arguments.end()) return;
  }
  if (const auto known = Subcommands(*app); !known.empty()) {
    throw CLI::ParseError("a command" + Of(*app) + " is missing; there are: " + NamesOf(known),
                          CLI::ExitCodes::RequiredError);
  }
}

}  // namespace sluice::ctl

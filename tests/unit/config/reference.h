// docs/configuration.md's list of keys, made from the schema.
#pragma once

#include <sstream>
#include <string>
#include <string_view>

#include "server/config/schema.h"

namespace sluice {

// The list begins with this line and goes on to the end of the document.
inline constexpr std::string_view kReferenceBegin =
    "<!-- From here on made from server/config/schema.cc; tests/unit/config/schema_test.cc says how. -->\n";

inline std::string InCell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

inline std::string RenderReference() {
  std::ostringstream out;
  out << kReferenceBegin;
  for (const Section* section : AllSections()) {
    out << "\n### " << (section->path.empty() ? "The top" : "`" + std::string(section->path) + "`") << "\n";
    if (!section->meaning.empty()) out << "\n" << section->meaning << "\n";
    out << "\n| key | value | default | |\n|---|---|---|---|\n";
    for (const Key& key : section->keys) {
      std::string fallback = key.required ? "**required**" : "–";
      if (!key.fallback.empty()) fallback = "`" + std::string(key.fallback) + "`";
      out << "| `" << key.name << "` | " << InCell(Allowed(key)) << " | " << fallback << " | " << key.meaning << " |\n";
    }
  }
  return out.str();
}

}  // namespace sluice

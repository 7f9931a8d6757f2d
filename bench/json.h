// One JSON object on one line: how the programs here tell bench/run what happens and what came out.
#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::bench {

class JsonObject {
 public:
  // `text` must need no escapes.
  JsonObject& Add(std::string_view key, std::string_view text) { return AddRaw(key, '"' + std::string(text) + '"'); }
  JsonObject& Add(std::string_view key, const char* text) { return Add(key, std::string_view(text)); }
  JsonObject& Add(std::string_view key, const JsonObject& object) { return AddRaw(key, object.ToString()); }
  template <std::integral Number>
  JsonObject& Add(std::string_view key, Number number) {
    return AddRaw(key, std::to_string(number));
  }
  JsonObject& Add(std::string_view key, double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    return AddRaw(key, text);
  }

  std::string ToString() const { return '{' + fields_ + '}'; }
  // To standard output, at once.
  void Print() const {
    std::printf("%s\n", ToString().c_str());
    std::fflush(stdout);
  }

 private:
  JsonObject& AddRaw(std::string_view key, std::string_view value) {
    if (!fields_.empty()) fields_ += ',';
    fields_.append("\"").append(key).append("\":").append(value);
    return *this;
  }

  std::string fields_;
};

}  // namespace sluice::bench

// What a key allows, in words: for errors and for the reference.
#include "server/config/schema.h"
#include "server/runtime/text.h"

namespace sluice {

Range SplitRange(std::string_view allowed) {
  const size_t dots = allowed.find("..");
  return {.min = allowed.substr(0, dots), .max = allowed.substr(dots + 2)};
}

std::string Allowed(const Key& key) {
  using enum KeyType;
  auto from_to = [&](std::string_view what) {
    const Range range = SplitRange(key.allowed);
    return text::Concat(what, " from ", range.min, " to ", range.max);
  };
  switch (key.type) {
    case kText:
    case kPath:
      return key.allowed.empty() ? "any text" : std::string(key.allowed);
    case kSecret:
      return "any text";
    case kFile:
      return "the path of a file";
    case kFileOrDirectory:
      return "the path of a file or a directory";
    case kChoice:
      return text::Join(text::Split(key.allowed, '|'), ", ");
    case kFlag:
      return "true or false";
    case kNumber:
      return from_to("a whole number");
    case kQos:
      return "0, 1 or 2";
    case kDuration:
      return text::Concat(from_to("a duration"), ", such as 500ms, 30s or 1m30s");
    case kDurationOrSeconds:
      return text::Concat(from_to("a duration"), ", such as 30s or 1m30s, or a number of seconds");
    case kBytes:
      return text::Concat(from_to("a size"), ", such as 1048576, 10MB or 64MiB");
    case kTopic:
      return "a topic without wildcards";
    case kCiphers:
      return "a list of names such as ECDHE-ECDSA-AES128-GCM-SHA256 or TLS_AES_128_GCM_SHA256";
    case kServer:
      return "host:port, or one of tcp:// mqtt:// ssl:// mqtts:// ws:// wss:// before it; or a list of these";
    case kListen:
      return "HOST:PORT, or \"\" for none";
    case kListenOrUnix:
      return "HOST:PORT or unix:PATH";
    case kListenUnixOrNone:
      return "unix:PATH, HOST:PORT, or \"\" for none";
    case kOrder:
      return "none, topic, or topic level N (N from 1 to 1000)";
    case kProcessors:
      return text::Concat("a list of ", text::Join(text::Split(key.allowed, '|'), ", "));
    case kWords:
      return text::Concat("a list of ", text::Join(text::Split(key.allowed, '|'), ", "));
    case kTextList:
    case kNamePatterns:
    case kReplyFilters:
    case kClaims:
    case kChainPatterns:
    case kFilter:
    case kFilterList:
    case kAlpnList:
    case kTarget:
      return std::string(key.allowed);
    case kMap:
      return "a map of keys";
    case kNamedMaps:
      return "a map of names, each with a map of keys";
    case kListOfMaps:
      return "a list of maps";
  }
  return "";
}

}  // namespace sluice

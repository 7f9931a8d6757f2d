#include "server/spans/span.h"

namespace sluice {
namespace {

size_t BytesOfAttributes(const std::vector<SpanAttribute>& attributes) {
  size_t bytes = attributes.size() * sizeof(SpanAttribute);
  for (const SpanAttribute& one : attributes) {
    if (const auto* text = std::get_if<std::string>(&one.value)) bytes += text->size();
  }
  return bytes;
}

}  // namespace

size_t Span::bytes() const {
  size_t bytes =
      sizeof(Span) + name.size() + status.size() + links.size() * sizeof(SpanLink) + BytesOfAttributes(attributes);
  for (const SpanEvent& event : events) bytes += sizeof(SpanEvent) + BytesOfAttributes(event.attributes);
  return bytes;
}

}  // namespace sluice

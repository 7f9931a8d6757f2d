#include "server/mqtt/protocol/bad_packets.h"

#include <algorithm>

namespace sluice::wire {
namespace {

// Fixed header, topic and packet identifier at their longest fit, and what follows them is worth a look.
constexpr size_t kFrontBytes = (64u << 10) + 64;

// FNV-1a.
uint64_t HashOf(const FixedHeader& header, std::string_view packet) {
  constexpr uint8_t kDup = 0x08;
  uint64_t hash = 14'695'981'039'346'656'037u;
  bool first = true;
  for (const char c : packet) {
    auto byte = static_cast<uint8_t>(c);
    if (first && header.type == PacketType::kPublish) byte = static_cast<uint8_t>(byte & ~kDup);
    first = false;
    hash = (hash ^ byte) * 1'099'511'628'211u;
  }
  return hash;
}

}  // namespace

size_t Oversized::FrontBytes(const FixedHeader& header) { return std::min(header.packet_size(), kFrontBytes); }

void Oversized::Begin(const FixedHeader& header, std::string_view front) {
  header_ = header;
  front_ = front;
  left_ = header.packet_size();
}

size_t Oversized::Pass(std::string_view bytes) {
  const size_t passed = std::min(left_, bytes.size());
  left_ -= passed;
  return passed;
}

void Oversized::Reset() {
  std::string().swap(front_);
  left_ = 0;
}

size_t RepeatedBytes::Counted(const FixedHeader& header, std::string_view packet) const {
  const uint64_t hash = HashOf(header, packet);
  const auto entry = std::ranges::find_if(entries_, [hash](const Entry& e) { return e.times > 0 && e.hash == hash; });
  return entry == entries_.end() ? 0 : entry->times;
}

size_t RepeatedBytes::Count(const FixedHeader& header, std::string_view packet) {
  const uint64_t hash = HashOf(header, packet);
  auto entry = std::ranges::find_if(entries_, [hash](const Entry& e) { return e.times > 0 && e.hash == hash; });
  if (entry == entries_.end()) {
    entry = std::ranges::min_element(entries_, {}, &Entry::seen);
    *entry = {.hash = hash};
  }
  entry->seen = ++calls_;
  return ++entry->times;
}

}  // namespace sluice::wire

#include "server/rpc/protocol/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::rpc {
namespace {

constexpr int kGzipOnly = 16;  // zlib's way to say so, added to the window's bits.
constexpr size_t kFirstBytes = 4096;

struct Inflater {
  Inflater() { ready = inflateInit2(&stream, kGzipOnly + MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
  bool ready = false;
};

}  // namespace

absl::StatusOr<std::string> Gunzip(std::string_view packed, size_t max_bytes) {
  Inflater inflater;
  if (!inflater.ready) return absl::ResourceExhaustedError("no memory to unpack a message");
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads it only.
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  while (true) {
    const size_t have = plain.size();
    // One byte more than is allowed, to see that there is more.
    const size_t room = std::min(std::max(have, kFirstBytes), max_bytes + 1 - have);
    plain.resize(have + room);
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + have);
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    plain.resize(have + room - stream.avail_out);
    if (plain.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a message unpacks to more than ", max_bytes, " bytes, which are allowed"));
    }
    if (result == Z_STREAM_END) break;
    if (result != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) {
      return absl::InternalError("a message is marked as compressed with gzip, but is not");
    }
  }
  if (stream.avail_in > 0) return absl::InternalError("bytes follow a message's gzip");
  return plain;
}

}  // namespace sluice::rpc

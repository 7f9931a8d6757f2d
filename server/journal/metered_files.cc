#include "server/journal/metered_files.h"

#include <type_traits>
#include <utility>

namespace sluice {

class MeteredFiles::File final : public JournalFile {
 public:
  File(std::unique_ptr<JournalFile> inner, MeteredFiles& files) : inner_(std::move(inner)), files_(files) {}

  absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
    return Timed(files_.writes_, [&] { return inner_->Write(bytes, offset); });
  }
  absl::StatusOr<size_t> WriteParts(std::span<const std::string_view> parts, uint64_t offset) override {
    return Timed(files_.writes_, [&] { return inner_->WriteParts(parts, offset); });
  }
  absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
    return inner_->Read(out, size, offset);
  }
  absl::Status Sync() override {
    return Timed(files_.syncs_, [&] { return inner_->Sync(); });
  }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status Allocate(uint64_t size) override { return inner_->Allocate(size); }
  absl::StatusOr<uint64_t> Size() const override { return inner_->Size(); }

 private:
  template <typename Call>
  std::invoke_result_t<const Call&> Timed(Histogram& histogram, const Call& call) {
    const SteadyTime begun = files_.clock_.Now();
    auto result = call();
    histogram.ObserveNanos((files_.clock_.Now() - begun).count());
    return result;
  }

  const std::unique_ptr<JournalFile> inner_;
  MeteredFiles& files_;
};

absl::StatusOr<std::unique_ptr<JournalFile>> MeteredFiles::Open(const std::string& path, Mode mode) {
  absl::StatusOr<std::unique_ptr<JournalFile>> inner = inner_.Open(path, mode);
  if (!inner.ok()) return inner.status();
  return std::make_unique<File>(*std::move(inner), *this);
}

}  // namespace sluice

#include "server/journal/metered_files.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"

namespace sluice {
namespace {

// A disk on which everything takes its time.
class SlowFile final : public JournalFile {
 public:
  SlowFile(std::unique_ptr<JournalFile> inner, ManualClock& clock) : inner_(std::move(inner)), clock_(clock) {}
  absl::StatusOr<size_t> Write(std::string_view bytes, uint64_t offset) override {
    clock_.Advance(Millis(3));
    return inner_->Write(bytes, offset);
  }
  absl::StatusOr<size_t> Read(char* out, size_t size, uint64_t offset) const override {
    clock_.Advance(Millis(1'000));
    return inner_->Read(out, size, offset);
  }
  absl::Status Sync() override {
    clock_.Advance(Millis(70));
    return inner_->Sync();
  }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status Allocate(uint64_t size) override { return inner_->Allocate(size); }
  absl::StatusOr<uint64_t> Size() const override { return inner_->Size(); }

 private:
  std::unique_ptr<JournalFile> inner_;
  ManualClock& clock_;
};

class SlowFiles final : public JournalFiles {
 public:
  explicit SlowFiles(ManualClock& clock) : clock_(clock) {}
  MemoryFiles& memory() { return memory_; }

  absl::StatusOr<std::unique_ptr<JournalFile>> Open(const std::string& path, Mode mode) override {
    absl::StatusOr<std::unique_ptr<JournalFile>> file = memory_.Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<SlowFile>(*std::move(file), clock_);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override { return memory_.Rename(from, to); }
  absl::Status Unlink(const std::string& path) override { return memory_.Unlink(path); }
  absl::Status CreateDirectories(const std::string& path) override { return memory_.CreateDirectories(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return memory_.List(directory);
  }
  absl::Status SyncDirectory(const std::string& directory) override { return memory_.SyncDirectory(directory); }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override { return memory_.Lock(path); }

 private:
  MemoryFiles memory_;
  ManualClock& clock_;
};

TEST(MeteredFiles, ObservesWritesAndSyncsAndPassesAllOn) {
  ManualClock clock;
  SlowFiles disk(clock);
  MeteredFiles files(disk, clock);
  ASSERT_TRUE(files.CreateDirectories("/j").ok());
  auto file = files.Open("/j/x", JournalFiles::Mode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(WriteAll(**file, "hello", 0).ok());
  ASSERT_TRUE((*file)->Sync().ok());
  char read[5] = {};
  EXPECT_EQ(*(*file)->Read(read, sizeof read, 0), 5u);
  EXPECT_EQ(std::string_view(read, 5), "hello");

  EXPECT_DOUBLE_EQ(files.writes().SumSeconds(), 0.003);
  EXPECT_EQ(files.writes().bucket(Histogram::BucketOf(3'000'000)), 1u);
  EXPECT_DOUBLE_EQ(files.syncs().SumSeconds(), 0.07);
}

TEST(MeteredFiles, ObservesWhatFailsToo) {
  ManualClock clock;
  SlowFiles disk(clock);
  MeteredFiles files(disk, clock);
  ASSERT_TRUE(files.CreateDirectories("/j").ok());
  auto file = files.Open("/j/x", JournalFiles::Mode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status();
  disk.memory().FailWritesAfter(0, ENOSPC);
  EXPECT_FALSE(WriteAll(**file, "hello", 0).ok());
  EXPECT_DOUBLE_EQ(files.writes().SumSeconds(), 0.003);
}

}  // namespace
}  // namespace sluice

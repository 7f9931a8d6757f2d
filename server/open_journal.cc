#include "server/open_journal.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/journal/memory_journal.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// The log has a directory to itself; other files of the gateway lie beside it.

// Beside it: what is in hand, of workers and of the gateway's own parts.
constexpr char kInHandFile[] = "/in-hand";
constexpr char kCrashMarksFile[] = "/crash-marks";

// Nobody knows what stands on the disk: not to acknowledge is all that is left to do. The next start reads what does.
[[noreturn]] void EndProcess(const std::string& why, InHand* in_hand, CrashMarks* crash_marks) {
  if (in_hand != nullptr) in_hand->Pardon();
  if (crash_marks != nullptr) crash_marks->Pardon();
  log::Error("the gateway ends, and acknowledges nothing more: the broker sends again what it was not told of",
             {{"reason", why}, {"what_to_do", "look at the disk (dmesg, smartctl); then start the gateway again"}});
  std::_Exit(EXIT_FAILURE);
}

absl::Status WithRemedy(const absl::Status& status, const JournalConfig& config) {
  std::string_view remedy;
  if (absl::IsDataLoss(status)) {
    remedy = "; `sluicectl journal verify` says more, and `sluice-gateway --salvage` goes on with what can be read";
  } else if (!absl::IsFailedPrecondition(status)) {
    remedy = "; set journal.path to a directory that the gateway may write to, or journal.enabled to false";
  }
  return {status.code(), absl::StrCat("journal.path ", config.path, ": ", status.message(),
                                      absl::string_view(remedy.data(), remedy.size()))};
}

void LogReport(const JournalReport& report, const std::string& path) {
  for (const std::string& warning : report.warnings)
    log::Warning("journal opened with a warning", {{"warning", warning}});
  for (const JournalDamage& damage : report.damage) {
    log::Error(
        damage.unsynced ? "the journal lost what a loss of power left unwritten" : "the journal has lost something",
        {{"damage", damage.ToString()}});
  }
  if (report.cut_bytes > 0) {
    log::Warning("the journal ended within a batch, which nobody was told of: it was cut off",
                 {{"bytes", report.cut_bytes}});
  }
  log::Info("journal opened", {{"path", path},
                               {"messages", report.messages},
                               {"replies", report.replies},
                               {"dead_letters", report.dead_letters},
                               {"bytes", report.bytes}});
}

}  // namespace

absl::StatusOr<OpenJournal> OpenJournal::Open(const JournalConfig& config, const JournalSeams& seams) {
  OpenJournal opened;
  if (config.enabled) {
    SegmentJournalOptions options;
    options.path = config.log_path();
    options.fsync = config.fsync;
    options.sync_interval = config.fsync_interval;
    options.segment_bytes = config.segment_bytes;
    options.max_bytes = config.max_bytes;
    options.max_messages = config.max_messages;
    options.salvage = config.salvage;
    opened.files_ = std::make_unique<MeteredFiles>(*seams.files, Clock::Real());
    options.files = opened.files_.get();
    // Opened behind the journal, whose lock it is under.
    auto in_hand = std::make_shared<std::atomic<InHand*>>(nullptr);
    auto crash_marks = std::make_shared<std::atomic<CrashMarks*>>(nullptr);
    options.on_fatal = [in_hand, crash_marks](const std::string& why) { EndProcess(why, *in_hand, *crash_marks); };
    options.on_warning = [](const std::string& text) { log::Warning("journal", {{"warning", text}}); };
    absl::StatusOr<std::unique_ptr<SegmentJournal>> disk = SegmentJournal::Open(std::move(options));
    if (!disk.ok()) return WithRemedy(disk.status(), config);
    opened.disk_ = *std::move(disk);
    opened.outermost_ = opened.disk_.get();
    LogReport(opened.disk_->report(), config.path);
    opened.OpenInHand(config.path);
    *in_hand = opened.in_hand_.get();
    *crash_marks = opened.crash_marks_.get();
  } else {
    opened.memory_ = std::make_unique<MemoryJournal>();
    opened.outermost_ = opened.memory_.get();
    log::Warning("journal.enabled is false: what is acknowledged and not settled is lost if this process is killed");
  }
  if (seams.wrap) {
    opened.wrapped_ = seams.wrap(*opened.outermost_);
    opened.outermost_ = opened.wrapped_.get();
  }
  return opened;
}

void OpenJournal::OpenInHand(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<CrashMarks>> crash_marks = CrashMarks::Open(directory + kCrashMarksFile);
  if (crash_marks.ok()) {
    crash_marks_ = *std::move(crash_marks);
  } else {
    log::Warning(
        "what kills the gateway as it is taken in, published again or written to the dead letters is not found",
        {{"reason", std::string(crash_marks.status().message())}});
  }
  absl::StatusOr<std::unique_ptr<InHand>> in_hand = InHand::Open(directory + kInHandFile);
  if (!in_hand.ok()) {
    log::Warning("attempts are not counted over kills of the gateway",
                 {{"reason", std::string(in_hand.status().message())}});
    return;
  }
  in_hand_ = *std::move(in_hand);
  if (in_hand_->crashed()) {
    log::Warning("the last process of this journal ended without a farewell",
                 {{"messages_in_hand", in_hand_->found()}, {"while_reading_the_journal", in_hand_->read_carefully()}});
  }
}

void OpenJournal::AddMetrics(MetricsRegistry& metrics) const {
  const auto gauge = [&metrics](const char* name, const char* help, auto read) {
    metrics.AddCallbackGauge(name, help, {}, [read] { return static_cast<double>(read()); });
  };
  const Journal& used = journal();
  gauge("sluice_journal_messages", "Messages taken in and not settled yet, of QoS 1 and 2",
        [&used] { return used.depth().ingress_messages; });
  if (disk_ == nullptr) return;
  const SegmentJournal& disk = *disk_;
  gauge("sluice_journal_replies", "Replies in the journal that no broker has confirmed yet",
        [&disk] { return disk.depth().outbox_messages; });
  gauge("sluice_journal_live_bytes", "Bytes in the journal that are still needed",
        [&disk] { return disk.depth().live_bytes; });
  gauge("sluice_journal_disk_bytes", "Bytes that the journal takes on disk",
        [&disk] { return disk.depth().disk_bytes; });
  metrics.AddHistogram("sluice_journal_write_seconds", "Time that one write of a batch to the journal takes", {},
                       files_->writes());
  metrics.AddHistogram("sluice_journal_sync_seconds",
                       "Time that one sync of the journal takes, which journal.fsync: always waits for", {},
                       files_->syncs());
  gauge("sluice_journal_writable", "1: the last batch could be written; 0: it could not, and acknowledgements wait",
        [&disk] { return disk.health().ok() ? 1 : 0; });
  gauge("sluice_journal_found_messages", "Messages that the last process left in the journal",
        [found = disk.report().messages] { return found; });
  if (in_hand_ != nullptr) {
    gauge("sluice_last_end_complete",
          "0: the last process of this journal was killed, crashed, or ended before workers had settled what they held",
          [well = in_hand_->ended_well()] { return well ? 1 : 0; });
  }
  gauge("sluice_journal_cut_bytes", "Bytes of a batch that the last process did not write to its end, cut at the start",
        [cut = disk.report().cut_bytes] { return cut; });
  gauge("sluice_journal_damaged_places", "Places of the journal that could not be read at the start",
        [places = disk.report().damage.size()] { return places; });
}

}  // namespace sluice

#include "client/cpp/ctl/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <string_view>

namespace sluice::ctl {
namespace {

constexpr char kCtrlC = 3;
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // A screen of its own, without a cursor.
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";

volatile std::sig_atomic_t end_wanted = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): a signal's.

void WantEnd(int /*signal*/) { end_wanted = 1; }

void WriteOut(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

class RawTerminal final : public Terminal {
 public:
  RawTerminal() {
    struct sigaction action{};
    action.sa_handler = WantEnd;  // Without SA_RESTART: poll() is to return.
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    WriteOut(kEnter);
  }
  ~RawTerminal() override {
    WriteOut(kLeaveScreen);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  Size size() const override {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {.columns = window.ws_col, .rows = window.ws_row};
  }

  void Draw(const std::string& text) override {
    // Each line clears what is left of the one that it replaces, and the last one what is below, so that nothing flickers.
    std::string drawn = "\x1b[H";
    for (char c : text) {
      if (c == '\n') drawn += "\x1b[K\r";
      drawn += c;
    }
    WriteOut(drawn + "\x1b[K\x1b[J");
  }

  std::optional<char> Key(std::chrono::milliseconds time) override {
    pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = end_wanted != 0 ? 0 : poll(&in, 1, static_cast<int>(time.count()));
    if (end_wanted != 0) return 'q';
    if (ready <= 0) return std::nullopt;
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) != 1 || key == kCtrlC) return 'q';
    return key;
  }

 private:
  termios before_{};
};

}  // namespace

std::unique_ptr<Terminal> OpenTerminal() { return std::make_unique<RawTerminal>(); }

std::string ClipToScreen(const std::string& text, Terminal::Size size) {
  std::string clipped;
  size_t row = 0, column = 0;
  bool escape = false;
  for (size_t i = 0; i < text.size() && row < size.rows; ++i) {
    const char c = text[i];
    if (escape || c == '\x1b') {
      escape = c == '\x1b' || c == '[' || !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
      clipped += c;
      continue;
    }
    if (c == '\n') {
      if (++row < size.rows) clipped += c;
      column = 0;
      continue;
    }
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (!continues) ++column;
    if (column <= size.columns) clipped += c;
  }
  return clipped;
}

}  // namespace sluice::ctl

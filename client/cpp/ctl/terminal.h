// A terminal that a program has for itself: keys as they are pressed, and a screen of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace sluice::ctl {

class Terminal {
 public:
  struct Size {
    size_t columns = 80;
    size_t rows = 24;
  };

  virtual ~Terminal() = default;
  virtual Size size() const = 0;
  // In place of what was there.
  virtual void Draw(const std::string& text) = 0;
  // The next key, at the latest after `time`; nothing: none was pressed. 'q' also when somebody wants the end (Ctrl-C, a
  // signal, the terminal is gone).
  virtual std::optional<char> Key(std::chrono::milliseconds time) = 0;
};

// Of standard input and output, which are one. Gives it back as it was when it goes. One at a time.
std::unique_ptr<Terminal> OpenTerminal();

// The first `rows` lines of `text`, each cut to `columns` characters. Escape sequences take no room.
std::string ClipToScreen(const std::string& text, Terminal::Size size);

}  // namespace sluice::ctl

#include "apps/support/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/support/say.h"
#include "apps/support/text.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

constexpr double redraw_seconds = 0.1;
constexpr double plain_seconds = 10;
constexpr int most_columns = 80;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool can_redraw(std::FILE* out) {
  return isatty(fileno(out)) == 1 && environment("TERM") != "dumb";
}

bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

int terminal_columns(std::FILE* out) {
  const int wanted = std::atoi(std::string(environment("COLUMNS")).c_str());
  if (wanted > 0) return wanted;
  winsize size = {};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return most_columns;
}

std::string bar(double share, int columns, bool utf8) {
  const int full = static_cast<int>(share * columns);
  std::string drawn;
  for (int i = 0; i < columns; ++i)
    drawn += i < full ? (utf8 ? "━" : "=") : (utf8 ? "─" : i == full ? ">" : ".");
  return drawn;
}

std::string rate_text(double rate, const std::string& unit) {
  return fmt::format("{:.{}f} {}/s", rate, rate < 10 ? 1 : 0, unit);
}

// "loss 0.1234", or nothing where there is no such number.
std::string figure_text(const char* name, std::optional<double> value) {
  return value ? fmt::format("{} {:.4f}", name, *value) : "";
}

}  // namespace

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "--:--";
  const auto total = std::llround(seconds);
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

Progress::Progress(std::string label, std::int64_t total_samples, ProgressOptions options)
    : label_(std::move(label)), total_(total_samples), options_(std::move(options)) {
  RV_CHECK(total_ >= 1, "[progress] total_samples must be >= 1; got {}.", total_);
  if (!options_.clock) options_.clock = steady_seconds;
  using Style = ProgressOptions::Style;
  terminal_ = options_.style == Style::terminal ||
              (options_.style == Style::automatic && can_redraw(options_.out));
  utf8_ = is_utf8_locale();
  // A terminal may wrap once its last column is written.
  const int available = options_.columns > 0 ? options_.columns : terminal_columns(options_.out);
  columns_ = std::clamp(available - 1, 1, most_columns);
  state_.done = options_.already_done;
  began_ = options_.clock();
  shown_ = terminal_ ? -std::numeric_limits<double>::infinity() : began_;
}

double Progress::rate() const {
  return state_.seconds > 0
             ? static_cast<double>(state_.done - options_.already_done) / state_.seconds
             : 0;
}

void Progress::update(std::int64_t done_samples, double loss, double accuracy) {
  show({.done = done_samples, .loss = loss, .accuracy = accuracy});
}

void Progress::update(std::int64_t done_samples) { show({.done = done_samples}); }

void Progress::show(const State& state) {
  if (finished_) return;
  const double now = options_.clock();
  state_ = state;
  state_.done = std::clamp<std::int64_t>(state.done, 0, total_);
  state_.seconds = now - began_;
  if (now - shown_ < (terminal_ ? redraw_seconds : plain_seconds)) return;
  shown_ = now;
  if (terminal_)
    say(options_.out, "\r{}\x1b[K", line());
  else
    say(options_.out, "{}\n", plain_line());
  std::fflush(options_.out);
  drawn_ = true;
}

void Progress::finish() {
  if (drawn_ && terminal_ && !finished_) {
    std::fputs("\r\x1b[K", options_.out);
    std::fflush(options_.out);
  }
  finished_ = true;
}

std::string Progress::line() const {
  constexpr int least_bar = 6, most_bar = 30;
  const double share = static_cast<double>(state_.done) / static_cast<double>(total_);
  const double left = static_cast<double>(total_ - state_.done) / rate();
  const std::string head = fmt::format("{} {:3.0f}%", label_, std::floor(100 * share));
  // In the order in which a narrow terminal keeps them.
  const std::vector<std::string> parts{
      "ETA " + duration_text(left), figure_text("loss", state_.loss),
      figure_text("acc", state_.accuracy), rate_text(rate(), options_.unit)};
  int room = columns_ - characters(head);
  std::vector<bool> kept(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int wanted = 2 + characters(parts[i]);
    kept[i] = !parts[i].empty() && wanted <= room;
    if (kept[i]) room -= wanted;
  }
  std::string text = head;
  if (const int length = std::min(room - 1, most_bar); length >= least_bar)
    text.append(" ").append(bar(share, length, utf8_));
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{0}})
    if (kept[i]) text.append("  ").append(parts[i]);
  return std::string(first_characters(text, columns_));
}

std::string Progress::plain_line() const {
  const double left = static_cast<double>(total_ - state_.done) / rate();
  std::string text = fmt::format("{}  {}/{}", label_, state_.done, total_);
  for (const std::string& part :
       {figure_text("loss", state_.loss), figure_text("acc", state_.accuracy),
        rate_text(rate(), options_.unit), "ETA " + duration_text(left)})
    if (!part.empty()) text.append("  ").append(part);
  return text;
}

}  // namespace ranvier::apps

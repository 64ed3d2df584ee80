// How far an epoch is: one line, redrawn on a terminal, now and then a new one elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>

namespace ranvier::apps {

/// Where a progress line goes and how. The defaults ask the system.
struct ProgressOptions {
  enum class Style { automatic, terminal, plain };

  std::int64_t already_done = 0;  ///< samples done before, by the run that is resumed
  std::string unit = "img";       ///< of what is done, as in "1234 img/s"
  std::FILE* out = stdout;
  Style style = Style::automatic;      ///< automatic: terminal if `out` is one that can redraw
  int columns = 0;                     ///< 0: COLUMNS or the terminal's width; at most 80 are used
  std::function<double()> clock = {};  ///< seconds since some moment; empty: the steady clock
};

/// Shows label, share done, loss, accuracy, samples per second and the time left, as in
/// `epoch 3/64  42% ━━━━━━──────────  loss 0.3412  acc 0.8791  1234 img/s  ETA 0:28`.
/// On a terminal the line is redrawn at most ten times a second; otherwise lines are printed, at
/// most one in ten seconds.
class Progress {
 public:
  /// Error: total_samples < 1.
  Progress(std::string label, std::int64_t total_samples, ProgressOptions options = {});
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done_samples` of the total are done; `loss` and `accuracy` are their means.
  void update(std::int64_t done_samples, double loss, double accuracy);
  /// The same of work that has neither.
  void update(std::int64_t done_samples);
  /// Clears the line for what comes next. What follows is ignored.
  void finish();

  /// Samples per second since it began; 0 before the first.
  double rate() const;

 private:
  struct State {
    std::int64_t done = 0;
    std::optional<double> loss = {}, accuracy = {};
    double seconds = 0;
  };
  void show(const State& state);
  std::string line() const;
  std::string plain_line() const;

  std::string label_;
  std::int64_t total_;
  ProgressOptions options_;
  int columns_;
  bool terminal_, utf8_;
  double began_, shown_;
  State state_;
  bool drawn_ = false, finished_ = false;
};

/// "0:05", "12:34", "3:25:45": a duration in seconds, rounded; "--:--" if it is not finite.
std::string duration_text(double seconds);

}  // namespace ranvier::apps

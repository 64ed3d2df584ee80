// Stopping a long run politely.
#pragma once

#include <signal.h>

namespace ranvier::apps {

/// While it lives, the first SIGINT or SIGTERM only asks the program to stop; a second one of the
/// same kind ends it at once. Both are handled even where the shell had them ignored, as it does
/// for commands started with `&`. The former handlers come back with its end.
class StopSignal {
 public:
  /// Error (state): another one lives; (io): the system refuses a handler.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// True once a signal came.
  bool requested() const { return signal_number() != 0; }
  /// The first signal that came, or 0.
  int signal_number() const;
  /// What the program returns, as shells count: 130 after SIGINT, 143 after SIGTERM, 0 after none.
  int exit_status() const { return requested() ? 128 + signal_number() : 0; }

 private:
  struct sigaction former_interrupt_ = {};
  struct sigaction former_terminate_ = {};
};

}  // namespace ranvier::apps

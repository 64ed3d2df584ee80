#include "apps/support/signals.h"

#include <atomic>
#include <cerrno>
#include <cstring>

#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

std::atomic<bool> alive = false;
std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "the handler may touch nothing else");

extern "C" void note_signal(int number) {
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
}

}  // namespace

StopSignal::StopSignal() {
  if (alive.exchange(true)) fail(ErrorCode::state, "[signals] only one StopSignal may live.");
  first_signal = 0;
  struct sigaction action = {};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  // The handler is for one signal; then the default action is back. Reads and writes go on.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  if (sigaction(SIGINT, &action, &former_interrupt_) != 0 ||
      sigaction(SIGTERM, &action, &former_terminate_) != 0) {
    alive = false;
    fail(ErrorCode::io, "[signals] cannot handle SIGINT and SIGTERM: {}.", std::strerror(errno));
  }
}

StopSignal::~StopSignal() {
  sigaction(SIGINT, &former_interrupt_, nullptr);
  sigaction(SIGTERM, &former_terminate_, nullptr);
  alive = false;
}

int StopSignal::signal_number() const { return first_signal; }

}  // namespace ranvier::apps

#include "apps/support/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::apps {
namespace {

// How a child that runs `body` ends, as waitpid tells it; `body` returns the exit status.
template <class Body>
int child_status(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("a signal asks to stop and names the exit status") {
  for (const int number : {SIGINT, SIGTERM}) {
    const int status = child_status([&] {
      const StopSignal stop;
      if (stop.requested() || stop.exit_status() != 0) return 1;
      raise(number);
      return stop.requested() && stop.signal_number() == number ? stop.exit_status() : 2;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 128 + number);
  }
}

TEST_CASE("a second signal of the kind ends the program at once") {
  for (const int number : {SIGINT, SIGTERM}) {
    const int status = child_status([&] {
      const StopSignal stop;
      raise(number);
      raise(number);
      return 0;
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == number);
  }
}

TEST_CASE("the first signal decides the exit status, a second of the other kind changes nothing") {
  const int status = child_status([] {
    const StopSignal stop;
    raise(SIGTERM);
    raise(SIGINT);
    return stop.exit_status();
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 143);
}

TEST_CASE("signals that the shell had ignored are handled too") {
  const int status = child_status([] {
    std::signal(SIGINT, SIG_IGN);
    const StopSignal stop;
    raise(SIGINT);
    return stop.exit_status();
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}

TEST_CASE("a read goes on after a signal") {
  const int status = child_status([] {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    const StopSignal stop;
    const pid_t parent = getpid(), sender = fork();
    if (sender == 0) {
      usleep(50000);
      kill(parent, SIGINT);
      usleep(50000);
      _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    char byte = 0;
    return read(ends[0], &byte, 1) == 1 && byte == 'x' && stop.requested() ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("the former handlers come back, also for the next one") {
  const int status = child_status([] {
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, [](int) { _exit(42); });
    {
      const StopSignal stop;
      raise(SIGTERM);
    }
    raise(SIGINT);
    {
      const StopSignal stop;
      if (stop.requested()) return 1;
    }
    raise(SIGTERM);
    return 2;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("only one may listen for signals") {
  const StopSignal stop;
  CHECK_ERROR(StopSignal(), ErrorCode::state, "[signals] only one StopSignal may live.");
}

}  // namespace ranvier::apps

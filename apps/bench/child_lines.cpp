#include "apps/bench/child_lines.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::apps {
namespace {

using detail::UniqueFd;

/// A process that is waited for, or ended, when this goes.
class Child {
 public:
  /// Starts `command` with its stdout in `output`.
  Child(const std::vector<std::string>& command, const UniqueFd& output) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
    const int failure =
        posix_spawnp(&id_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0)
      fail(ErrorCode::io, "cannot start '{}': {}.", command.front(), std::strerror(failure));
  }
  ~Child() {
    if (id_ == ended) return;
    ::kill(id_, SIGTERM);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = ended;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  static constexpr pid_t ended = -1;
  pid_t id_ = ended;
};

}  // namespace

int for_each_line_of(const std::vector<std::string>& command,
                     const std::function<void(const std::string&)>& take) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail(ErrorCode::io, "cannot make a pipe to '{}': {}.", command.front(), std::strerror(errno));
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  Child child(command, to);
  to.close();

  std::string text;
  char block[4096];
  for (ssize_t got; (got = ::read(from.get(), block, sizeof block)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      fail(ErrorCode::io, "cannot read what '{}' prints: {}.", command.front(),
           std::strerror(errno));
    text.append(block, static_cast<std::size_t>(got));
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      take(text.substr(0, end));
  }
  if (!text.empty()) take(text);
  return child.wait();
}

}  // namespace ranvier::apps

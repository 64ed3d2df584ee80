#include "apps/support/output_file.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ranvier/data/detail/replacement.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

using test::file_text;
using test::TemporaryFolder;

std::size_t files_in(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()),
                                                std::filesystem::directory_iterator()));
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Another process, which has written all of `path` and not yet renamed it.
class WritingProcess {
 public:
  WritingProcess(const std::filesystem::path& path, const std::string& text) {
    if (pipe(ready_) != 0 || pipe(go_) != 0 || (child_ = fork()) < 0)
      throw std::runtime_error("cannot start a process");
    if (child_ == 0) write_and_wait(path, text);
    char byte = 0;
    if (read(ready_[0], &byte, 1) != 1) throw std::runtime_error("it cannot write");
  }
  ~WritingProcess() {
    if (child_ > 0) kill();
    for (const int end : {ready_[0], ready_[1], go_[0], go_[1]}) close(end);
  }
  WritingProcess(const WritingProcess&) = delete;
  WritingProcess& operator=(const WritingProcess&) = delete;

  void finish() {
    REQUIRE(write(go_[1], "x", 1) == 1);
    REQUIRE(ended() == 0);
  }
  void kill() {
    ::kill(child_, SIGKILL);
    ended();
  }

 private:
  [[noreturn]] void write_and_wait(const std::filesystem::path& path, const std::string& text) try {
    alarm(60);  // whatever becomes of the test
    ranvier::detail::Replacement file("test", path);
    file.write(bytes_of(text));
    char byte = 'x';
    if (::write(ready_[1], &byte, 1) != 1 || read(go_[0], &byte, 1) != 1) _exit(1);
    file.finish();
    _exit(0);
  } catch (...) {
    _exit(1);
  }

  int ended() {
    int status = -1;
    waitpid(std::exchange(child_, -1), &status, 0);
    return status;
  }

  int ready_[2], go_[2];
  pid_t child_ = -1;
};

}  // namespace

TEST_CASE("a file is replaced and nothing else is left") {
  const TemporaryFolder folder;
  replace_file("test", folder / "a.txt", "first, and longer");
  replace_file("test", folder / "a.txt", "second");
  CHECK(file_text(folder / "a.txt") == "second");
  CHECK(files_in(folder) == 1);
  append_to_file("test", folder / "a.txt", ", third");
  CHECK(file_text(folder / "a.txt") == "second, third");
}

TEST_CASE("what a killed run left of a file is written over") {
  const TemporaryFolder folder;
  test::write_file(folder / "a.txt.tmp", test::Bytes(100, 'x'));
  replace_file("test", folder / "a.txt", "whole");
  CHECK(file_text(folder / "a.txt") == "whole");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("who writes the same file at the same time has a temporary file of its own") {
  const TemporaryFolder folder;
  using ranvier::detail::Replacement;
  Replacement first("test", folder / "a.txt"), second("test", folder / "a.txt");
  {
    Replacement third("test", folder / "a.txt");
    third.write(bytes_of("given up"));
  }
  first.write(bytes_of("of the first"));
  second.write(bytes_of("of the second"));
  CHECK(files_in(folder) == 2);
  second.finish();
  CHECK(file_text(folder / "a.txt") == "of the second");
  replace_file("test", folder / "a.txt", "of a fourth, between both");
  first.finish();
  CHECK(file_text(folder / "a.txt") == "of the first");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("threads that write the same file at once all succeed") {
  const TemporaryFolder folder(test::memory_folder());
  std::atomic<int> written = 0;
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c', 'd'})
    threads.emplace_back([&, letter] {
      for (int i = 0; i < 200; ++i) {
        replace_file("test", folder / "a.txt", std::string(10000, letter));
        ++written;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(written == 4 * 200);
  const std::string text = file_text(folder / "a.txt");
  CHECK(text == std::string(10000, text.at(0)));
  CHECK(files_in(folder) == 1);
}

TEST_CASE("processes that write the same file at once both succeed") {
  const TemporaryFolder folder;
  WritingProcess other(folder / "a.txt", "of the other");
  replace_file("test", folder / "a.txt", "own");
  CHECK(file_text(folder / "a.txt") == "own");
  other.finish();
  CHECK(file_text(folder / "a.txt") == "of the other");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("what a process left that died while others wrote is written over by the next") {
  const TemporaryFolder folder;
  WritingProcess other(folder / "a.txt", "of the other");
  replace_file("test", folder / "a.txt", "own");
  other.kill();
  CHECK(files_in(folder) == 2);
  replace_file("test", folder / "a.txt", "new");
  CHECK(file_text(folder / "a.txt") == "new");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("a file that cannot be written is named with the reason, and the old one stays") {
  const TemporaryFolder folder;
  replace_file("test", folder / "a.txt", "old");

  SECTION("no folder") {
    CHECK_ERROR(replace_file("test", folder / "none/a.txt", "new"), ErrorCode::io,
                "/none/a.txt.tmp: No such file or directory.");
    CHECK_ERROR(append_to_file("test", folder / "b.txt", "new"), ErrorCode::io,
                "/b.txt: No such file or directory.");
  }
  SECTION("a file where a folder should be") {
    CHECK_ERROR(replace_file("test", folder / "a.txt/b.txt", "new"), ErrorCode::io,
                "/a.txt/b.txt.tmp: Not a directory.");
  }
  SECTION("a folder where the file should be") {
    std::filesystem::create_directory(folder / "b.txt");
    CHECK_ERROR(replace_file("test", folder / "b.txt", "new"), ErrorCode::io,
                "[test] cannot rename " + (folder / "b.txt.tmp").string() + ": Is a directory.");
    CHECK(files_in(folder) == 2);
  }
  SECTION("a full disk") {
    std::filesystem::create_symlink("/dev/full", folder / "a.txt.tmp");
    CHECK_ERROR(replace_file("test", folder / "a.txt", "new"), ErrorCode::io,
                "/a.txt.tmp: No space left on device.");
    CHECK(files_in(folder) == 1);
    std::filesystem::create_symlink("/dev/full", folder / "b.txt");
    CHECK_ERROR(append_to_file("test", folder / "b.txt", "new"), ErrorCode::io,
                "/b.txt: No space left on device.");
  }
  SECTION("a folder that nobody may write to") {
    CHECK_ERROR(replace_file("test", "/proc/a.txt", "new"), ErrorCode::io,
                "[test] cannot create /proc/a.txt.tmp: ");
  }
  CHECK(file_text(folder / "a.txt") == "old");
}

}  // namespace ranvier::apps

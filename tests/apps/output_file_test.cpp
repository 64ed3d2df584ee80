#include "apps/support/output_file.h"

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

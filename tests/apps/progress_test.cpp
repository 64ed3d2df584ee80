#include "apps/support/progress.h"

#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "tests/support/catch.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"

namespace ranvier::apps {
namespace {

using test::Environment;
using Style = ProgressOptions::Style;

// A progress line that writes to memory, in a time that stands still unless told otherwise.
struct Screen {
  ProgressOptions options(Style style, int columns = 80, std::int64_t already_done = 0) {
    return {.already_done = already_done,
            .out = file,
            .style = style,
            .columns = columns,
            .clock = [this] { return now; }};
  }
  std::string text() {
    std::fflush(file);
    return std::string(content, size);
  }
  // What was written since the last call.
  std::string news() {
    const std::string all = text(), fresh = all.substr(seen);
    seen = all.size();
    return fresh;
  }
  ~Screen() {
    std::fclose(file);
    free(content);
  }

  char* content = nullptr;
  std::size_t size = 0, seen = 0;
  std::FILE* file = open_memstream(&content, &size);
  double now = 100;
};

}  // namespace

TEST_CASE("durations are read at a glance") {
  CHECK(duration_text(0) == "0:00");
  CHECK(duration_text(4.6) == "0:05");
  CHECK(duration_text(59.6) == "1:00");
  CHECK(duration_text(754) == "12:34");
  CHECK(duration_text(3599.7) == "1:00:00");
  CHECK(duration_text(12345) == "3:25:45");
  CHECK(duration_text(std::numeric_limits<double>::infinity()) == "--:--");
  CHECK(duration_text(std::numeric_limits<double>::quiet_NaN()) == "--:--");
}

TEST_CASE("on a terminal one line is redrawn, at most ten times a second") {
  const Environment locale("LC_ALL", "C.UTF-8");
  Screen screen;
  Progress progress("epoch 3/64", 60000, screen.options(Style::terminal));
  screen.now += 10;
  progress.update(25200, 0.34124, 0.87908);
  CHECK(screen.news() ==
        "\repoch 3/64  42% ━━━━━━──────────  loss 0.3412  acc 0.8791  2520 img/s  ETA 0:14"
        "\x1b[K");
  screen.now += 0.09;
  progress.update(26000, 0.3, 0.9);
  CHECK(screen.news() == "");
  screen.now += 0.02;
  progress.update(60000, 0.3, 0.9);
  CHECK_THAT(screen.news(), test::contains("100% ━━━━━━━━━━━━━━━━"));
  progress.finish();
  CHECK(screen.news() == "\r\x1b[K");
  progress.finish();
  progress.update(60000, 0.3, 0.9);
  CHECK(screen.news() == "");
}

TEST_CASE("a line that was never drawn is not cleared") {
  Screen screen;
  { const Progress progress("epoch 1/1", 10, screen.options(Style::terminal)); }
  CHECK(screen.text() == "");
}

TEST_CASE("a terminal that is not UTF-8 gets a bar of ASCII") {
  const Environment locale("LC_ALL", "C");
  Screen screen;
  Progress progress("epoch 3/64", 100, screen.options(Style::terminal));
  screen.now += 1;
  progress.update(50, 0.5, 0.5);
  CHECK_THAT(screen.text(), test::contains(" 50% =========>........ "));
}

TEST_CASE("the line fits in terminals of every width") {
  for (const char* locale : {"C", "C.UTF-8"}) {
    const Environment variable("LC_ALL", locale);
    std::string wider;
    for (int columns = 200; columns >= 1; --columns) {
      Screen screen;
      Progress progress("epoch 10/100", 1000000, screen.options(Style::terminal, columns));
      screen.now += 1234567;
      progress.update(999999, 123.45678, 0.5);
      std::string line = screen.text();
      line = line.substr(1, line.size() - 4);
      const auto characters =
          std::count_if(line.begin(), line.end(), [](char byte) { return (byte & 0xc0) != 0x80; });
      INFO(columns << ": " << line);
      CHECK(characters <= std::max(1, std::min(columns - 1, 80)));
      if (columns >= 13) CHECK_THAT(line, test::contains("epoch 10/100"));
      if (columns >= 40) CHECK_THAT(line, test::contains("99%") && test::contains("ETA"));
    }
  }
}

TEST_CASE("elsewhere than on a terminal a plain line is printed every ten seconds") {
  Screen screen;
  Progress progress("epoch 3/64", 60000, screen.options(Style::plain));
  for (std::int64_t done = 100; done <= 3000; done += 100) {
    screen.now += 1;
    progress.update(done, 2.3, 0.1);
  }
  progress.finish();
  CHECK(screen.text() ==
        "epoch 3/64  1000/60000  loss 2.3000  acc 0.1000  100 img/s  ETA 9:50\n"
        "epoch 3/64  2000/60000  loss 2.3000  acc 0.1000  100 img/s  ETA 9:40\n"
        "epoch 3/64  3000/60000  loss 2.3000  acc 0.1000  100 img/s  ETA 9:30\n");
}

TEST_CASE("the rate counts the samples of this run only") {
  Screen screen;
  Progress progress("epoch 3/64", 1000, screen.options(Style::plain, 80, 500));
  CHECK(progress.rate() == 0);
  screen.now += 20;
  progress.update(600, 1, 0.5);
  CHECK(progress.rate() == Approx(5));
  CHECK(screen.text() == "epoch 3/64  600/1000  loss 1.0000  acc 0.5000  5.0 img/s  ETA 1:20\n");
}

TEST_CASE("progress of what is not learned shows neither loss nor accuracy, and its own unit") {
  Screen screen;
  ProgressOptions options = screen.options(Style::plain);
  options.unit = "files";
  Progress progress("converting", 100, options);
  screen.now += 20;
  progress.update(60);
  CHECK(screen.text() == "converting  60/100  3.0 files/s  ETA 0:13\n");
}

TEST_CASE("progress without time, samples or numbers stays readable") {
  Screen screen;
  Progress progress("epoch 1/1", 10, screen.options(Style::terminal));
  progress.update(0, std::numeric_limits<double>::quiet_NaN(), 0);
  CHECK_THAT(screen.text(), test::contains("0%") && test::contains("loss nan") &&
                                test::contains("0.0 img/s  ETA --:--"));
  CHECK_ERROR(Progress("epoch 1/1", 0), ErrorCode::invalid_argument,
              "[progress] total_samples must be >= 1; got 0.");
}

TEST_CASE("a terminal is recognised and asked for its width") {
  const auto drawn = [](const char* term, const char* columns) {
    const Environment kind("TERM", term), width("COLUMNS", columns), locale("LC_ALL", "C");
    int reader = -1, terminal = -1;
    winsize size = {};
    size.ws_col = 42;
    REQUIRE(openpty(&reader, &terminal, nullptr, nullptr, &size) == 0);
    std::FILE* const out = fdopen(terminal, "w");
    Progress("epoch 1/1", 10, {.out = out}).update(5, 1, 0.5);
    std::fclose(out);
    std::string text;
    char buffer[200];
    for (ssize_t count; (count = read(reader, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(count));
    close(reader);
    return text;
  };
  const std::string clear = "\r\x1b[K";
  const std::string by_terminal = drawn("xterm", ""), by_variable = drawn("xterm", "30");
  CHECK_THAT(by_terminal, test::contains("\repoch 1/1  50%") && test::contains("loss 1.0000"));
  CHECK(by_terminal.size() <= 42 + 2 * clear.size());
  CHECK(by_terminal.ends_with(clear));
  CHECK_THAT(by_variable, test::contains("\repoch 1/1  50%") && !test::contains("loss"));
  CHECK(drawn("dumb", "") == "");
}

}  // namespace ranvier::apps

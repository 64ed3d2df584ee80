#include "apps/tasks/train_options.h"

#include <CLI/CLI.hpp>

#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ranvier;
using namespace ranvier::apps;

namespace {

TrainOptions parse(const std::string& arguments) {
  TrainOptions options{.output_dir = "runs/somewhere"};
  CLI::App app("A trainer.", "trainer");
  add_train_options(app, options, {.channels_help = "Channels"});
  app.parse(arguments);
  return options;
}

}  // namespace

TEST_CASE("the help of a trainer fits 80 columns and names every option's default") {
  TrainOptions options{.output_dir = "runs/somewhere"};
  CLI::App app("A trainer.", "trainer");
  add_train_options(app, options, {.channels_help = "Channels of both convolutions"});
  std::istringstream help(app.help());
  for (std::string line; std::getline(help, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
  }
  CHECK_THAT(app.help(), Catch::Matchers::Contains("--batch-size INT=128"));
}

TEST_CASE("options are read from the command line and from a TOML file, which it overrides") {
  const test::TemporaryFolder folder;
  const std::string toml = "epochs = 7\nlr = 0.25\nno-fuse = true\nresume = \"x.h5\"\n";
  test::write_file(folder / "run.toml", std::vector<std::uint8_t>(toml.begin(), toml.end()));
  const TrainOptions options = parse("--config " + (folder / "run.toml").string() + " --lr 0.5");
  CHECK(options.epochs == 7);
  CHECK(options.lr == 0.5);
  CHECK(options.no_fuse);
  CHECK(options.resume == std::filesystem::path("x.h5"));
}

TEST_CASE("resuming without a path means the output directory's checkpoint") {
  CHECK_FALSE(parse("").resume.has_value());
  const auto resume = parse("--resume").resume;
  REQUIRE(resume.has_value());
  CHECK(resume->empty());
}

TEST_CASE("an unknown option is refused by name, on the command line and in a file") {
  CHECK_THROWS_WITH(parse("--epoch 3"), Catch::Matchers::Contains("--epoch"));
  const test::TemporaryFolder folder;
  const std::string toml = "epoch = 3\n";
  test::write_file(folder / "run.toml", std::vector<std::uint8_t>(toml.begin(), toml.end()));
  CHECK_THROWS_WITH(parse("--config " + (folder / "run.toml").string()),
                    Catch::Matchers::Contains("epoch"));
}

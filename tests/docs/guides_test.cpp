// The guides against the code: what they show is what is compiled, what they list is what is there.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "apps/tasks/camera_task.h"
#include "apps/tasks/spike_train_task.h"
#include "apps/tasks/train_options.h"
#include "ranvier/ops/neurons/all.h"
#include "tests/lint/sources.h"
#include "tests/support/catch.h"

namespace ranvier::test {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<SourceFile> guides() {
  std::vector<SourceFile> found;
  for (const SourceFile& file : source_files())
    if (file.suffix() == ".md" && (file.folder() == "docs" || file.path == "README.md"))
      found.push_back(file);
  return found;
}

Lines without_indent(Lines lines) {
  std::size_t least = std::string::npos;
  for (const std::string& line : lines)
    if (const std::size_t indent = line.find_first_not_of(' '); indent != std::string::npos)
      least = std::min(least, indent);
  for (std::string& line : lines) line = line.size() < least ? "" : line.substr(least);
  return lines;
}

/// A fenced block: "```cpp docs/examples/train.cpp" names the file it is taken from.
struct Block {
  std::string language = {}, file = {}, place = {};
  Lines lines = {};
};

std::vector<Block> blocks_of(const SourceFile& guide) {
  std::vector<Block> blocks;
  bool inside = false;
  for (std::size_t i = 0; i < guide.lines.size(); ++i) {
    const std::string& line = guide.lines[i];
    if (!line.starts_with("```")) {
      if (inside) blocks.back().lines.push_back(line);
      continue;
    }
    inside = !inside;
    if (!inside) continue;
    Block block{.place = guide.path + ":" + std::to_string(i + 1)};
    std::istringstream(line.substr(3)) >> block.language >> block.file;
    blocks.push_back(block);
  }
  return blocks;
}

/// The lines of `guide` outside fenced blocks, by their numbers.
std::map<std::size_t, std::string> prose_of(const SourceFile& guide) {
  std::map<std::size_t, std::string> prose;
  bool inside = false;
  for (std::size_t i = 0; i < guide.lines.size(); ++i) {
    const bool fence = guide.lines[i].starts_with("```");
    inside = inside != fence;
    if (!inside && !fence) prose[i + 1] = guide.lines[i];
  }
  return prose;
}

/// True if `block` stands in `file` as it is, at any indentation.
bool is_excerpt(const Block& block, const Lines& file) {
  const Lines wanted = without_indent(block.lines);
  if (wanted.empty()) return false;
  for (std::size_t i = 0; i + wanted.size() <= file.size(); ++i)
    if (without_indent({file.begin() + static_cast<std::ptrdiff_t>(i),
                        file.begin() + static_cast<std::ptrdiff_t>(i + wanted.size())}) == wanted)
      return true;
  return false;
}

void require_none(const Lines& offences) {
  std::string list;
  for (const std::string& offence : offences) list += "\n  " + offence;
  INFO("Offences:" << list);
  REQUIRE(offences.empty());
}

}  // namespace

TEST_CASE("code in the guides is taken word for word from files that are compiled") {
  std::map<std::string, Lines> files;
  for (const SourceFile& file : source_files()) files[file.path] = file.lines;
  Lines offences;
  std::size_t excerpts = 0;
  for (const SourceFile& guide : guides())
    for (const Block& block : blocks_of(guide)) {
      if (block.language != "cpp" && block.language != "cmake") continue;
      if (block.file.empty())
        offences.push_back(block.place + ": does not name its file");
      else if (!files.contains(block.file))
        offences.push_back(block.place + ": there is no " + block.file);
      else if (!is_excerpt(block, files[block.file]))
        offences.push_back(block.place + ": these lines are not in " + block.file);
      ++excerpts;
    }
  require_none(offences);
  REQUIRE(excerpts > 10);
}

TEST_CASE("a changed line is not an excerpt, another indentation is") {
  const Lines file{"int main() {", "  a();", "  b();", "}"};
  CHECK(is_excerpt({.lines = {"a();", "b();"}}, file));
  CHECK_FALSE(is_excerpt({.lines = {"a();", "c();"}}, file));
  CHECK_FALSE(is_excerpt({.lines = {"a();", "  b();"}}, file));
  CHECK_FALSE(is_excerpt({}, file));
}

TEST_CASE("every neuron and surrogate is in docs/neurons.md") {
  const std::string page = read_text("docs/neurons.md");
  Lines missing;
  const auto look_for = [&](const char* name) {
    const std::string quoted = std::string("`") + name + "`";
    if (page.find(quoted) == std::string::npos) missing.push_back(quoted);
  };
  AllNeurons::for_each([&]<class Model>(int) { look_for(Model::name); });
  AllSurrogates::for_each([&]<class S>(int) { look_for(S::name); });
  require_none(missing);
}

TEST_CASE("every transform and framing of events is in docs/transforms.md") {
  const std::string page = read_text("docs/transforms.md");
  const std::regex structure("struct (\\w+) \\{");
  Lines missing;
  std::size_t found = 0;
  for (const SourceFile& file : source_files()) {
    if (!file.path.starts_with("data/transforms/") || file.suffix() != ".h") continue;
    std::string name;
    for (const std::string& line : file.lines) {
      std::smatch match;
      if (std::regex_match(line, match, structure)) name = match[1];
      if (line != "  std::string describe() const;") continue;
      ++found;
      if (page.find("`" + name + "`") == std::string::npos) missing.push_back(name);
    }
  }
  require_none(missing);
  REQUIRE(found > 20);
}

TEST_CASE("every option of the trainers is in docs/trainers.md") {
  const std::string page = read_text("docs/trainers.md");
  CLI::App app;
  CLI::App spike_trains, camera;
  apps::TrainOptions options;
  apps::SpikeTrainOptions spike_train_options;
  apps::CameraOptions camera_options;
  apps::add_train_options(app, options, {.channels_help = ""});
  apps::add_spike_train_options(spike_trains, spike_train_options);
  apps::add_camera_options(camera, camera_options);
  Lines missing;
  for (const CLI::App* trainer : {&app, &spike_trains, &camera})
    for (const CLI::Option* option : trainer->get_options())
      for (const std::string& name : option->get_lnames())
        if (name != "help" && page.find("`--" + name) == std::string::npos) missing.push_back(name);
  require_none(missing);
}

TEST_CASE("what stands beside another library's code is compiled") {
  // Cells of the third column of the table, in backquotes, are pieces of the example.
  const std::string example = read_text("docs/examples/coming_from.cpp");
  const std::regex row(R"(^\|[^|]*\|[^|]*\|([^|]*)\|$)"), code("`([^`]+)`");
  Lines offences;
  std::size_t found = 0;
  for (const SourceFile& guide : guides()) {
    if (guide.path != "docs/coming-from.md") continue;
    for (const std::string& line : guide.lines) {
      std::smatch match;
      if (!std::regex_match(line, match, row)) continue;
      const std::string cell = match[1];
      for (std::sregex_iterator it(cell.begin(), cell.end(), code), end; it != end; ++it, ++found)
        if (example.find((*it)[1]) == std::string::npos) offences.push_back((*it)[1]);
    }
  }
  require_none(offences);
  REQUIRE(found > 10);
}

TEST_CASE("links between the guides lead somewhere") {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  Lines offences;
  for (const SourceFile& guide : guides())
    for (const auto& [number, line] : prose_of(guide))
      for (std::sregex_iterator it(line.begin(), line.end(), link), end; it != end; ++it)
        if (!fs::exists(fs::path(guide.path).parent_path() / std::string((*it)[1])))
          offences.push_back(guide.path + ":" + std::to_string(number) + ": " +
                             std::string((*it)[1]));
  require_none(offences);
}

TEST_CASE("every guide is in the index, and every decision in its own, by its number") {
  const std::string index = read_text("docs/README.md");
  const std::string decisions = read_text("docs/decisions/README.md");
  Lines offences, numbers;
  for (const SourceFile& guide : guides()) {
    const fs::path path = guide.path;
    if (path.filename() == "README.md") continue;
    const bool decision = path.parent_path() == "docs/decisions";
    const fs::path from = decision ? "docs/decisions" : "docs";
    const std::string target = "(" + path.lexically_relative(from).string() + ")";
    if ((decision ? decisions : index).find(target) == std::string::npos)
      offences.push_back(guide.path + " is not in the index");
    if (!decision) continue;
    const std::string number = path.filename().string().substr(0, 4);
    numbers.push_back(number);
    const std::string title = "# " + std::to_string(std::stoi(number)) + ". ";
    if (!guide.lines.front().starts_with(title))
      offences.push_back(guide.path + " does not begin with '" + title + "'");
  }
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i)
    if (numbers[i] == numbers[i + 1]) offences.push_back("two decisions are called " + numbers[i]);
  require_none(offences);
}

TEST_CASE("prose has lines of at most 100 characters, tables aside") {
  const auto begins_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  };
  Lines offences;
  for (const SourceFile& guide : guides())
    for (const auto& [number, line] : prose_of(guide))
      if (!line.starts_with("|") && std::count_if(line.begin(), line.end(), begins_character) > 100)
        offences.push_back(guide.path + ":" + std::to_string(number));
  require_none(offences);
}

}  // namespace ranvier::test

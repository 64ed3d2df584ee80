// Rules of the house that no compiler checks. A failing rule lists every place that breaks it.
#include "tests/lint/sources.h"

#include <algorithm>
#include <map>

#include "tests/support/catch.h"

namespace ranvier::test {
namespace {

std::string place(const SourceFile& file, size_t line, const std::string& what) {
  return file.path + ":" + std::to_string(line) + ": " + what;
}

void require_none(const std::vector<std::string>& offences) {
  std::string list;
  for (const std::string& offence : offences) list += "\n  " + offence;
  INFO("Offences:" << list);
  REQUIRE(offences.empty());
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

bool is_ours(const std::string& include) {
  return starts_with_any(include, {"ranvier/", "apps/", "tests/", "docs/"});
}

}  // namespace

TEST_CASE("the lint sees the project's files") {
  REQUIRE(std::any_of(source_files().begin(), source_files().end(),
                      [](const SourceFile& file) { return file.path == "core/tensor.h"; }));
}

TEST_CASE("imports point downwards only") {
  const std::vector<std::string> over_layers{"ranvier/core/", "ranvier/ops/", "ranvier/layers/"};
  const std::map<std::string, std::vector<std::string>> allowed{
      {"core", {"ranvier/core/", "ranvier/config.h"}},
      {"ops", {"ranvier/core/", "ranvier/ops/"}},
      {"layers", over_layers},
      {"optim", {"ranvier/core/", "ranvier/ops/", "ranvier/optim/"}},
      {"data", {"ranvier/core/", "ranvier/ops/events/", "ranvier/data/"}},
      {"distributed",
       {"ranvier/core/", "ranvier/ops/", "ranvier/layers/", "ranvier/distributed/",
        "ranvier/config.h"}},
      {"apps", {"ranvier/", "apps/"}},
      {"apps/support", {"ranvier/", "apps/support/"}},
      {"apps/drawing", {"ranvier/", "apps/drawing/", "apps/support/"}},
      {"apps/report", {"ranvier/", "apps/report/", "apps/drawing/", "apps/support/"}},
      {"apps/bench", {"ranvier/", "apps/bench/", "apps/support/"}},
      {"apps/tasks", {"ranvier/", "apps/tasks/", "apps/support/"}},
      {"apps/data", {"ranvier/", "apps/data/", "apps/tasks/", "apps/drawing/", "apps/support/"}},
      {"apps/plan",
       {"ranvier/", "apps/plan/", "apps/bench/", "apps/tasks/", "apps/drawing/", "apps/support/"}},
      {"apps/training",
       {"ranvier/", "apps/training/", "apps/plan/", "apps/tasks/", "apps/report/", "apps/drawing/",
        "apps/support/"}},
      {"tests", {"ranvier/", "apps/", "tests/", "docs/examples/"}},
      {"docs", {"ranvier/", "docs/examples/"}},
  };
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (!file.is_code()) continue;
    auto prefixes = allowed.find(file.folder(2));
    if (prefixes == allowed.end()) prefixes = allowed.find(file.folder(1));
    if (prefixes == allowed.end()) {
      offences.push_back(file.path + ": code in a folder that has no place in the layering");
      continue;
    }
    for (const auto& [target, line] : file.includes()) {
      if (is_ours(target) && !starts_with_any(target, prefixes->second)) {
        offences.push_back(place(file, line, prefixes->first + " may not include " + target));
      }
    }
  }
  require_none(offences);
}

TEST_CASE("our headers are included in quotes by their full name, others in angle brackets") {
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (!file.is_code()) continue;
    for (const auto& [target, line] : file.includes()) {
      const bool quoted = file.lines[line - 1].find('"') != std::string::npos;
      if (quoted != is_ours(target)) offences.push_back(place(file, line, target));
    }
  }
  require_none(offences);
}

TEST_CASE("installed headers do not include private ones") {
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (!file.is_public_header()) continue;
    for (const auto& [target, line] : file.includes()) {
      if (is_ours(target) && target.find("/detail/") != std::string::npos) {
        offences.push_back(place(file, line, target));
      }
    }
  }
  require_none(offences);
}

TEST_CASE("headers are guarded by pragma once") {
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (file.is_header() &&
        std::find(file.lines.begin(), file.lines.end(), "#pragma once") == file.lines.end()) {
      offences.push_back(file.path);
    }
  }
  require_none(offences);
}

TEST_CASE("no file of code is longer than 600 lines") {
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (file.is_code() && file.lines.size() > 600) {
      offences.push_back(file.path + ": " + std::to_string(file.lines.size()) + " lines");
    }
  }
  require_none(offences);
}

TEST_CASE("nothing names a folder of a developer's machine") {
  const std::regex machine_path(R"((^|[\s"'`=(:])/(work|root|home)/)");
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (std::regex_search(file.lines[i], machine_path)) {
        offences.push_back(place(file, i + 1, file.lines[i]));
      }
    }
  }
  require_none(offences);
}

TEST_CASE("no flag trades bits for speed") {
  const std::regex fast_math("fast[-_]math|unsafe-math|-Ofast");
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files()) {
    if (file.is_code() || file.suffix() == ".md") continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (!file.lines[i].starts_with("#") && std::regex_search(file.lines[i], fast_math)) {
        offences.push_back(place(file, i + 1, file.lines[i]));
      }
    }
  }
  require_none(offences);
}

TEST_CASE("the names of tests have no semicolon, at which CMake cuts them") {
  std::vector<std::string> offences;
  for (const SourceFile& file : source_files())
    for (std::size_t i = 0; i < file.lines.size(); ++i)
      if (file.lines[i].starts_with("TEST_CASE(") && file.lines[i].find(';') != std::string::npos)
        offences.push_back(place(file, i + 1, file.lines[i]));
  require_none(offences);
}

}  // namespace ranvier::test

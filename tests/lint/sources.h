// The project's files as text, for the rules that no compiler knows.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace ranvier::test {

struct SourceFile {
  std::string path;  // from the root, as "core/tensor.h"
  std::vector<std::string> lines;

  // The outermost `depth` folders, as "apps/plan", or fewer if it lies in fewer.
  std::string folder(int depth = 1) const {
    std::size_t end = path.find('/');
    while (--depth > 0 && path.find('/', end + 1) != path.npos) end = path.find('/', end + 1);
    return path.substr(0, end);
  }
  std::string suffix() const { return std::filesystem::path(path).extension(); }
  bool is_header() const { return suffix() == ".h" || suffix() == ".cuh"; }
  bool is_code() const { return is_header() || suffix() == ".cpp" || suffix() == ".cu"; }
  bool is_public_header() const;

  struct Include {
    std::string target;  // as written between the quotes or brackets
    size_t line;
  };
  std::vector<Include> includes() const {
    static const std::regex directive(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
    std::vector<Include> found;
    std::smatch match;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], match, directive)) found.push_back({match[1], i + 1});
    }
    return found;
  }
};

// The folders of the library, lowest first.
inline const std::vector<std::string>& library_folders() {
  static const std::vector<std::string> folders{"core",  "ops",  "layers",
                                                "optim", "data", "distributed"};
  return folders;
}

inline bool SourceFile::is_public_header() const {
  const auto& folders = library_folders();
  return suffix() == ".h" && path.find("/detail/") == std::string::npos &&
         std::find(folders.begin(), folders.end(), folder()) != folders.end();
}

// Every text file under the root that is ours; the tests run in the root.
inline const std::vector<SourceFile>& source_files() {
  static const std::vector<SourceFile> files = [] {
    namespace fs = std::filesystem;
    const std::set<std::string> skipped{".git", "build", "runs", "LICENSE"};
    const std::set<std::string> suffixes{".h",  ".cpp", ".cu", ".cuh",  ".cmake", ".in",
                                         ".md", ".sh",  ".py", ".json", ".txt"};
    std::vector<SourceFile> found;
    for (auto entry = fs::recursive_directory_iterator("."); entry != fs::end(entry); ++entry) {
      const fs::path path = entry->path().lexically_relative(".");
      if (skipped.contains(path.filename())) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file() && suffixes.contains(path.extension())) {
        SourceFile file{path, {}};
        std::ifstream stream(path);
        for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
        found.push_back(std::move(file));
      }
    }
    return found;
  }();
  return files;
}

}  // namespace ranvier::test

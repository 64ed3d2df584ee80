// Which part of a data set is wanted, and where its files are.
#pragma once

#include <filesystem>
#include <string_view>

namespace ranvier {

/// The parts that data sets are published in; few have one for validation.
enum class Split { train, valid, test };

/// "train", "valid" or "test"
constexpr std::string_view name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::valid:
      return "valid";
    case Split::test:
      return "test";
  }
  return "?";
}

/// Where the files of a data set are, and which part of it is wanted.
struct DatasetSource {
  Split split = Split::train;
  /// The folder of the files, or one that has them as each data set's loader says; if empty, where
  /// the system's packages put them.
  std::filesystem::path directory = {};
};

}  // namespace ranvier

#include "ranvier/data/event_sets/n_mnist.h"

#include "ranvier/data/event_sets/detail/set_folder.h"
#include "ranvier/data/event_sets/folder_set.h"
#include "ranvier/data/formats/atis.h"

namespace ranvier {

std::shared_ptr<const Recordings> open_n_mnist(const DatasetSource& source) {
  FolderSetOptions options{
      .name = "n-mnist",
      .extension = ".bin",
      .sensor = {34, 34, 2},
      .read = [](const std::filesystem::path& path) { return read_atis(path); },
      .format = "atis 1",
      .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
      .advice =
          "Get Train.zip and Test.zip of N-MNIST from www.garrickorchard.com/datasets/n-mnist, "
          "unpack them, and name their folder with --data-dir."};
  const detail::SetFolder root(options.name, source.directory, options.advice, {"NMNIST"});
  return open_folder_set({.split = source.split, .directory = root.path()}, options);
}

}  // namespace ranvier

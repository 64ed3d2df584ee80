#include "ranvier/data/event_sets/spoken.h"

#include <fmt/core.h>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/plain_file.h"

namespace ranvier {
namespace {

struct Publication {
  std::string name;
  std::string prefix;  ///< of file names
  bool has_valid;
  const char* advice;
};

std::shared_ptr<const Recordings> load(const Publication& set, const DatasetSource& source,
                                       const SpikeFileOptions& options) {
  RV_CHECK(source.split != Split::valid || set.has_valid,
           "[{}] the split must be train or test; got valid.", set.name);
  const std::string stem = fmt::format("{}{}.h5", set.prefix, name(source.split));
  const std::string folder = source.directory.empty() ? "." : source.directory.string();
  const std::filesystem::path file = detail::find_file(folder, stem);
  if (file.empty())
    fail(ErrorCode::io, "[{}] there is no {} or {}.gz in {}. {}", set.name, stem, stem, folder,
         set.advice);
  return open_spike_file(fmt::format("{} {}", set.name, name(source.split)), file, options);
}

}  // namespace

std::shared_ptr<const Recordings> load_shd(const DatasetSource& source,
                                           const ReadOptions& options) {
  return load({.name = "shd",
               .prefix = "shd_",
               .has_valid = false,
               .advice = "Get shd_train.h5.gz and shd_test.h5.gz of zenkelab.org/datasets, and "
                         "name their folder with --data-dir."},
              source, {.read = options});
}

std::shared_ptr<const Recordings> load_ssc(const DatasetSource& source,
                                           const ReadOptions& options) {
  return load({.name = "ssc",
               .prefix = "ssc_",
               .has_valid = true,
               .advice = "Get ssc_train.h5.gz, ssc_valid.h5.gz and ssc_test.h5.gz of "
                         "zenkelab.org/datasets, and name their folder with --data-dir."},
              source, {.read = options});
}

std::shared_ptr<const Recordings> load_fsdd_spikes(const DatasetSource& source,
                                                   const ReadOptions& options) {
  return load({.name = "fsdd",
               .prefix = "",
               .has_valid = false,
               .advice = "Name the folder of fsdd-spikes with --data-dir."},
              source, {.read = options});
}

std::shared_ptr<const Recordings> load_spike_files(const std::string& name,
                                                   const DatasetSource& source,
                                                   const SpikeFileOptions& options) {
  return load({.name = name,
               .prefix = "",
               .has_valid = true,
               .advice = "Name the folder of the files with --data-dir."},
              source, options);
}

}  // namespace ranvier

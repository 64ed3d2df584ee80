#include "apps/tasks/event_sets.h"

#include <fmt/core.h>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/cache_folder.h"
#include "ranvier/data/event_sets/cifar10_dvs.h"
#include "ranvier/data/event_sets/dvs128_gesture.h"
#include "ranvier/data/event_sets/n_mnist.h"
#include "ranvier/data/event_sets/spoken.h"
#include "ranvier/data/generate/randman.h"
#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/downsample.h"

namespace ranvier::apps {
namespace {

using Opened = std::shared_ptr<const Recordings>;

struct EventSet {
  const char* name;
  Opened (*open)(const DatasetSource& source);
};

constexpr EventSet sets[] = {
    {"shd", [](const DatasetSource& source) { return load_shd(source); }},
    {"ssc", [](const DatasetSource& source) { return load_ssc(source); }},
    {"fsdd", [](const DatasetSource& source) { return load_fsdd_spikes(source); }},
    {"randman", [](const DatasetSource& source) { return load_spike_files("randman", source); }},
    {"nmnist", [](const DatasetSource& source) { return open_n_mnist(source); }},
    {"dvs128gesture", [](const DatasetSource& source) { return open_dvs128_gesture(source); }},
    {"cifar10dvs", [](const DatasetSource& source) { return open_cifar10_dvs(source); }},
};

}  // namespace

std::string event_set_names() {
  std::string names;
  for (const EventSet& set : sets) names += (names.empty() ? "" : ", ") + std::string(set.name);
  return names;
}

Opened open_event_set(const std::string& name, const DatasetSource& source) {
  for (const EventSet& set : sets)
    if (name == set.name) return set.open(source);
  fail(ErrorCode::invalid_argument, "the data set must be one of {}; got '{}'.", event_set_names(),
       name);
}

std::filesystem::path randman_folder(const std::filesystem::path& folder, std::uint64_t seed) {
  namespace fs = std::filesystem;
  const fs::path own = folder / fmt::format("randman-{}", seed);
  const auto is_there = [&] { return fs::exists(own / "train.h5") && fs::exists(own / "test.h5"); };
  if (is_there()) return own;
  std::error_code ignored;
  fs::create_directories(folder, ignored);  // the lock says why it is not there
  const detail::NameLock lock(own);         // of several programs one generates, the others wait
  if (!is_there()) write_randman(own, {.seed = seed});
  return own;
}

EventTransform preparation(const Sensor& sensor, std::int64_t width, std::int64_t duration) {
  EventTransform prepared;
  if (width > 0 && width != sensor.width)
    prepared = prepared |
               Downsample{.target_width = width, .target_height = sensor.height == 1 ? 0 : width};
  if (duration > 0) prepared = prepared | CropTime{.max = duration - 1};
  return prepared;
}

}  // namespace ranvier::apps

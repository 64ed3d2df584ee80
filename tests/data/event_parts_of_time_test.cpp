// Batches of some steps, as each of several ranks makes them, against those of all steps.
#include <numeric>

#include "ranvier/core/allocator.h"
#include "ranvier/data/event_cache.h"
#include "ranvier/data/loader.h"
#include "ranvier/data/resident_events.h"
#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/downsample.h"
#include "ranvier/data/transforms/time.h"
#include "ranvier/data/transforms/to_bina_rep.h"
#include "ranvier/data/transforms/to_timesurface.h"
#include "ranvier/data/transforms/to_voxel_grid.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/data/event_examples.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr std::int64_t steps = 11;
const Sensor pixels{.width = 8, .height = 6, .polarities = 2};

/// Framings of which recordings have fewer, as many and more steps than `steps`.
std::vector<Framing> framings() {
  return {ToFrame{.time_window = 2500},
          ToFrame{.time_window = 3000, .overlap = 1700, .include_incomplete = true},
          ToFrame{.time_window = 4000, .include_incomplete = true, .start = 0},
          ToFrame{.time_window = 700, .start = -2000, .fixed_steps = steps},
          ToFrame{.event_count = 6, .include_incomplete = true},
          ToFrame{.event_count = 9, .overlap = 4},
          ToFrame{.n_time_bins = steps},
          ToFrame{.n_time_bins = steps, .overlap = 0.3},
          ToFrame{.n_event_bins = steps},
          ToTimesurface{.dt = 3000, .tau = 2000, .overlap = 500},
          ToBinaRep{.n_frames = steps, .n_bits = 3},
          ToVoxelGrid{.n_time_bins = steps},
          PlainWindows{.window = 3000}};
}

EventDatasetOptions options(const Framing& framing, const EventTransform& transform,
                            std::optional<Slice> part = {}) {
  return {.framing = framing, .transform = transform, .max_steps = steps, .part = part};
}

/// What an epoch delivers.
template <class Set>
std::vector<EventBatch> epoch_of(const Set& set, int workers = 0) {
  DataLoader loader(set, {.batch_size = 7, .shuffle = true, .seed = 4, .workers = workers});
  std::vector<EventBatch> all;
  for (const EventBatch& batch : loader.epoch({.epoch = 1}))
    all.push_back({.frames = clone(batch.frames).to(cpu_device),
                   .labels = clone(batch.labels).to(cpu_device),
                   .lengths = clone(batch.lengths).to(cpu_device)});
  return all;
}

/// Steps [begin, end) of `frames`, of which those beyond the last are silent.
Tensor cut(const Tensor& frames, const Slice& part) {
  const std::int64_t end = std::min(part.end, frames.size(0));
  const std::int64_t begin = std::min(part.begin, end);
  const Tensor silence = zeros(frames.shape().with(0, part.length() - (end - begin)));
  return concat({slice(frames, 0, begin, end), silence}, 0);
}

/// Whether the batches that `make(part)` delivers to each of `ranks` ranks are `whole`, cut.
template <class Make>
void check_parts(const std::vector<EventBatch>& whole, int ranks, const Make& make) {
  for (int rank = 0; rank < ranks; ++rank) {
    INFO("rank " << rank << " of " << ranks);
    const Slice part = Slice::of(steps, rank, ranks);
    const std::vector<EventBatch> own = make(part);
    REQUIRE(own.size() == whole.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      CHECK(same_bits(own[i].frames, cut(whole[i].frames, part)));
      CHECK(same_bits(own[i].lengths, whole[i].lengths));
      CHECK(same_bits(own[i].labels, whole[i].labels));
    }
  }
}

constexpr int all_ranks[] = {1, 2, 3, 4, steps};  // 11 steps: uneven parts, and parts of one step

void check_resident_parts(Device device) {
  const auto source = example_recordings(40, pixels);
  for (const Framing& framing : framings()) {
    if (framing.as<ToFrame>() == nullptr) continue;
    INFO(framing.describe());
    const auto whole = epoch_of(EventDataset(source, options(framing, {})));
    for (const int ranks : all_ranks) {
      std::int64_t bytes = 0;
      check_parts(whole, ranks, [&](const Slice& part) {
        const ResidentEvents resident(source, options(framing, {}, part), device);
        CHECK(resident.steps() == part.length());
        bytes += resident.bytes();
        return epoch_of(resident);
      });
      CHECK(bytes == ResidentEvents(source, options(framing, {})).bytes());
    }
  }
}

}  // namespace

TEST_CASE("a rank's batches are the whole ones cut, for every framing and from every source") {
  const TemporaryFolder folder(memory_folder());
  for (const Sensor& sensor : {Sensor{.width = 20}, pixels}) {
    const auto in_memory = example_recordings(40, sensor);
    const auto cache = cached(in_memory, {}, {.folder = folder.path()});
    const EventTransform looked_up = Downsample{.spatial_factor = 0.5} | CropTime{.max = 30'000};
    for (const EventTransform& transform : {EventTransform{}, looked_up})
      for (const Framing& framing : framings()) {
        INFO(framing.describe() << ", " << transform.describe() << ", " << to_string(sensor));
        const auto whole = epoch_of(EventDataset(in_memory, options(framing, transform)));
        for (const int ranks : all_ranks) {
          check_parts(whole, ranks, [&](const Slice& part) {
            return epoch_of(EventDataset(in_memory, options(framing, transform, part)));
          });
          check_parts(whole, ranks, [&](const Slice& part) {
            return epoch_of(EventDataset(cache, options(framing, transform, part)), 2);
          });
        }
      }
  }
}

TEST_CASE("a variation that moves events along time sees those of all steps") {
  const auto source = example_recordings(40, pixels);
  const EventTransform varied = TimeSkew{.coefficient = Range(0.5, 2)} | DropHalf{};
  for (const Framing& framing : framings()) {
    INFO(framing.describe());
    const auto whole = epoch_of(EventDataset(source, options(framing, varied)));
    for (const int ranks : all_ranks)
      check_parts(whole, ranks, [&](const Slice& part) {
        return epoch_of(EventDataset(source, options(framing, varied, part)), 2);
      });
  }
}

TEST_CASE("a rank keeps the events of its steps, and they make the whole batches, cut") {
  check_resident_parts(cpu_device);
}

TEST_CASE("a CUDA device keeps the events of a rank's steps and makes the batches",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  check_resident_parts(cuda_device);
}

TEST_CASE("a rank's batch takes the memory of its own steps") {
  constexpr std::int64_t all_steps = 64, batch = 16;
  const auto source = example_recordings(batch, {.width = 64, .height = 64, .polarities = 2});
  const std::int64_t whole = all_steps * batch * source->sensor().frame().numel() * 4;  // bytes
  std::vector<std::int64_t> samples(batch);
  std::iota(samples.begin(), samples.end(), 0);
  for (const std::int64_t ranks : {1, 2, 4, 8}) {
    const EventDataset set(source, {.framing = ToFrame{.n_time_bins = all_steps},
                                    .max_steps = all_steps,
                                    .part = Slice::of(all_steps, ranks - 1, ranks)});
    const std::int64_t before = cpu_allocator().stats().bytes_in_use;
    cpu_allocator().reset_peak();
    EventBatch own;
    set.fetch(samples, {}, own);
    const std::int64_t took = cpu_allocator().stats().peak_bytes_in_use - before;
    CHECK(own.frames.size(0) == all_steps / ranks);
    CHECK(took >= whole / ranks);
    CHECK(took <= whole / ranks + 4096);  // labels and lengths
  }
}

}  // namespace ranvier::test

#include "ranvier/distributed/detail/step_bytes.h"

#include "ranvier/layers/shard_context.h"

namespace ranvier::detail {
namespace {

/// Bytes that member `index` of `size` sends to add up `count` numbers: the others' parts to those
/// who add them up, then its own sum to all others.
std::int64_t all_reduce_bytes(int size, int index, std::int64_t count, std::int64_t number_bytes) {
  const std::int64_t own = count * (index + 1) / size - count * index / size;
  return (count - own + (size - 1) * own) * number_bytes;
}

}  // namespace

std::int64_t step_bytes(const NetworkProfile& profile, const Plan& plan, int data, int time) {
  const MeshShape& mesh = plan.mesh;
  const std::int64_t samples = Slice::of(plan.batch, data, mesh.data).length();
  const std::int64_t steps = Slice::of(plan.steps, time, mesh.time).length();
  const int neighbours = (time > 0 ? 1 : 0) + (time + 1 < mesh.time ? 1 : 0);
  const int rank = data * mesh.time + time;
  std::int64_t bytes =
      (mesh.time - 1) * (profile.output_bytes / (profile.steps * profile.batch)) * steps * samples;
  GradientBuckets buckets(
      [&](std::int64_t numbers) { bytes += all_reduce_bytes(mesh.ranks(), rank, numbers, 4); });
  for (auto stage = profile.stages.rbegin(); stage != profile.stages.rend(); ++stage) {
    bytes += neighbours * (stage->state_bytes / profile.batch) * samples;
    // Samples of a static input: its own to all others, their gradients to those whose they are.
    const std::int64_t own = Slice::of(samples, time, mesh.time).length();
    bytes += (stage->shared_bytes / profile.batch) * ((mesh.time - 1) * own + samples - own);
    // Statistics of each step on its own come in numbers of this rank's steps.
    const NormExchange& norm = stage->norm;
    const bool per_step = !norm.over_time && !stage->static_input;
    for (const std::int64_t numbers : {norm.forward, norm.backward})
      bytes +=
          all_reduce_bytes(norm.over_time ? mesh.ranks() : mesh.data, norm.over_time ? rank : data,
                           per_step ? numbers / profile.steps * steps : numbers, 8);
    bytes += (mesh.time - 1) * (norm.gathered / profile.steps) * steps * 8;
    for (const std::int64_t numbers : stage->gradients) buckets.add(numbers);
  }
  buckets.finish();
  return bytes;
}

}  // namespace ranvier::detail

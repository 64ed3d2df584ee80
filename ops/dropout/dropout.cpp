#include "ranvier/ops/dropout/dropout.h"

#include <algorithm>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/dropout/detail/dropout_kernels.h"

namespace ranvier {
namespace {

namespace kernel = dropout_detail;

constexpr std::int64_t grain = 1 << 14;

using kernel::Drawn;

/// The extents of x as parts of masks see it.
struct Extents {
  std::int64_t steps, samples, features;
};

Extents extents(const Tensor& x) {
  return {x.size(0), x.size(1), x.shape().sub(2, x.rank()).numel()};
}

void check_part(const Tensor& x, const DropoutPart& part) {
  RV_CHECK(x.rank() >= 2, "[dropout] a part needs x [T, B, ...]; got shape {}.", x.shape());
  const bool fits = part.first_step >= 0 && part.first_step + x.size(0) <= part.steps &&
                    part.first_sample >= 0 && part.first_sample + x.size(1) <= part.samples;
  RV_CHECK(fits, "[dropout] x {} at step {} and sample {} is no part of {} steps and {} samples.",
           x.shape(), part.first_step, part.first_sample, part.steps, part.samples);
}

std::int64_t whole_tiles(std::int64_t elements) {
  return (elements + kernel::tile - 1) / kernel::tile * kernel::tile;
}

Drawn draw(const Tensor& x, const DropoutOptions& options) {
  const auto threshold = static_cast<std::uint32_t>(options.p * 0x1p32);
  const double scale = 1 / (1 - options.p);
  const DropoutPart& part = options.part;
  if (part.steps == 0) {
    const std::int64_t steps = options.shared_steps ? x.size(0) : 1;
    const std::int64_t count = steps == 0 ? 0 : x.numel() / steps;
    return {reserve_blocks(whole_tiles(count), x.device()), threshold, steps, 1, 0, 0, scale};
  }
  const auto [steps, samples, features] = extents(x);
  const std::int64_t step = part.samples * features;  // elements of the mask
  const std::int64_t sample = part.first_sample * features;
  const std::int64_t elements = options.shared_steps ? step : part.steps * step;
  const RandomPlace place = reserve_blocks(whole_tiles(elements), x.device());
  if (options.shared_steps) return {place, threshold, steps, 1, sample, 0, scale};
  const std::int64_t pieces = samples == part.samples ? 1 : steps;  // whole steps lie together
  return {place, threshold, 1, pieces, part.first_step * step + sample, step, scale};
}

void apply_cpu(const Tensor& x, const Drawn& drawn, Tensor& y) {
  const std::int64_t count = drawn.count(x);
  const std::int64_t tiles = count / kernel::tile + 2;  // that a piece may have a share of
  const kernel::Mask mask{drawn.place.seed, drawn.place.first_block, drawn.threshold};
  const kernel::Kernels& kernels =
      pick_isa(kernel::isa_v2::kernels, kernel::isa_v3::kernels, kernel::isa_v4::kernels);
  detail::visit_real("dropout", x.dtype(), [&]<class R>(detail::Type<R>) {
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    const auto apply = [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
      const std::int64_t origin = drawn.origin + piece * drawn.stride;
      const std::int64_t first = origin / kernel::tile;
      const kernel::Span<R> span{.x = in + piece * count,
                                 .y = out + piece * count,
                                 .steps = drawn.steps,
                                 .count = count,
                                 .origin = origin,
                                 .begin = (first + begin) * kernel::tile,
                                 .end = std::min((first + end) * kernel::tile, origin + count),
                                 .scale = static_cast<R>(drawn.scale)};
      if constexpr (std::is_same_v<R, float>)
        kernels.f32(mask, span);
      else
        kernels.f64(mask, span);
    };
    const std::int64_t tile_grain = std::max<std::int64_t>(1, grain / kernel::tile / drawn.steps);
    parallel_for(0, drawn.pieces * tiles, tile_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end;) {
        const std::int64_t piece = at / tiles;
        const std::int64_t until = std::min(end, (piece + 1) * tiles);
        apply(piece, at - piece * tiles, until - piece * tiles);
        at = until;
      }
    });
  });
}

}  // namespace

namespace dropout_detail {
constinit DeviceKernels<DropoutKernel> dropout_kernels{.cpu = apply_cpu};
}

namespace {

Tensor apply(const Tensor& x, const Drawn& drawn) {
  const OperationScope operation("dropout");
  Tensor y = empty_like(x);
  if (x.numel() > 0) kernel_for("dropout", x.device(), kernel::dropout_kernels)(x, drawn, y);
  return y;
}

struct DropoutBackward final : Node {
  explicit DropoutBackward(const Drawn& drawn) : drawn(drawn) {}
  Drawn drawn;
  const char* name() const override { return "DropoutBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {apply(grads[0], drawn)};
  }
};

}  // namespace

void check_dropout(const DropoutOptions& options) {
  RV_CHECK(options.p >= 0 && options.p < 1, "[dropout] p must be in [0, 1); got {}.", options.p);
}

Tensor dropout(const Tensor& x, const DropoutOptions& options, bool training) {
  check_dropout(options);
  RV_CHECK(!options.shared_steps || x.rank() >= 2,
           "[dropout] shared_steps needs x [T, B, ...]; got shape {}.", x.shape());
  if (options.part.steps > 0) check_part(x, options.part);
  if (!training || options.p == 0) return x;
  if (only_stored(x)) return dropout(widened(x), options, training).to(x.dtype());
  const Drawn drawn = draw(x, options);
  Tensor y = apply(x, drawn);
  if (grad_needed({x})) attach(std::make_shared<DropoutBackward>(drawn), {x}, {y});
  return y;
}

}  // namespace ranvier

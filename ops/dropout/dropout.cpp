#include "ranvier/ops/dropout/dropout.h"

#include <algorithm>

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

Drawn draw(const Tensor& x, const DropoutOptions& options) {
  const std::int64_t steps = options.shared_steps ? x.size(0) : 1;
  const std::int64_t count = steps == 0 ? 0 : x.numel() / steps;
  const std::int64_t tiles = (count + kernel::tile - 1) / kernel::tile;
  return {.place = reserve_blocks(tiles * kernel::tile, x.device()),
          .threshold = static_cast<std::uint32_t>(options.p * 0x1p32),
          .steps = steps,
          .scale = 1 / (1 - options.p)};
}

void apply_cpu(const Tensor& x, const Drawn& drawn, Tensor& y) {
  const std::int64_t count = x.numel() / drawn.steps;
  const std::int64_t tiles = (count + kernel::tile - 1) / kernel::tile;
  const kernel::Mask mask{drawn.place.seed, drawn.place.first_block, drawn.threshold};
  const kernel::Kernels& kernels =
      pick_isa(kernel::isa_v2::kernels, kernel::isa_v3::kernels, kernel::isa_v4::kernels);
  detail::visit_real("dropout", x.dtype(), [&]<class R>(detail::Type<R>) {
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    const std::int64_t tile_grain = std::max<std::int64_t>(1, grain / kernel::tile / drawn.steps);
    parallel_for(0, tiles, tile_grain, [&](std::int64_t begin, std::int64_t end) {
      const kernel::Span<R> span{.x = in,
                                 .y = out,
                                 .steps = drawn.steps,
                                 .count = count,
                                 .begin = begin * kernel::tile,
                                 .end = std::min(end * kernel::tile, count),
                                 .scale = static_cast<R>(drawn.scale)};
      if constexpr (std::is_same_v<R, float>)
        kernels.f32(mask, span);
      else
        kernels.f64(mask, span);
    });
  });
}

}  // namespace

namespace dropout_detail {
constinit DeviceKernels<DropoutKernel> dropout_kernels{.cpu = apply_cpu};
}

namespace {

Tensor apply(const Tensor& x, const Drawn& drawn) {
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
  if (!training || options.p == 0) return x;
  const Drawn drawn = draw(x, options);
  Tensor y = apply(x, drawn);
  if (grad_needed({x})) attach(std::make_shared<DropoutBackward>(drawn), {x}, {y});
  return y;
}

}  // namespace ranvier

#include "ranvier/layers/delay.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/pointwise/pointwise.h"

namespace ranvier {

Delay::Delay(DelayLayerOptions layer_options) : options(layer_options) {
  RV_CHECK(options.features >= 1, "[Delay] features must be >= 1; got {}.", options.features);
  check_max_delay(options.max_delay);
  share = uniform({options.features}, 0, 1).set_requires_grad(true);
}

Tensor Delay::steps() const { return share * static_cast<double>(options.max_delay); }

Shard Delay::operator()(const Tensor& x, const State& state) {
  RV_CHECK(!input_is_static(),
           "[Delay] a static input has no time axis to delay along; put the layer behind the "
           "neurons that show it.");
  const bool learns = grad_needed({x, share});
  if (grad_needed({share})) copy_into(share, clamp(share.detach(), 0, 1));
  const NeuronState before =
      state_before(state, learns, 1, x.shape().with(0, options.max_delay),
                   {.dtype = detail::computed_dtype(x.dtype()), .device = x.device()});
  DelayResult result = delay(x, steps(), before.at_rest() ? Tensor() : before.variables()[0],
                             {.max_delay = options.max_delay,
                              .rounded = options.rounded,
                              .final_state = state_wanted(state)});
  const NeuronState after =
      result.state.defined() ? NeuronState({result.state}) : NeuronState::not_kept();
  return {std::move(result.output), state_after(state, learns, after)};
}

}  // namespace ranvier

#include "ranvier/layers/sequential.h"

#include <optional>
#include <utility>

#include "ranvier/core/activity.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {

namespace {

/// The pool that may follow a neuron in a fused operation.
struct FusedPool {
  SpikePool pool = SpikePool::none;
  std::int64_t kernel = 1;
};

/// Square windows side by side, without padding, can be fused.
std::optional<std::int64_t> plain_kernel(const Pool2dOptions& o) {
  const std::int64_t side = o.kernel[0];
  const auto strides = [&](std::int64_t stride) { return stride == 0 || stride == side; };
  const bool plain = o.kernel[1] == side && strides(o.stride[0]) && strides(o.stride[1]) &&
                     o.padding[0] == 0 && o.padding[1] == 0;
  return plain ? std::optional(side) : std::nullopt;
}

std::optional<FusedPool> fused_pool(AnyModule& module) {
  if (const MaxPool2d* max = module.as<MaxPool2d>())
    if (const auto kernel = plain_kernel(max->options)) return FusedPool{SpikePool::max, *kernel};
  if (const AvgPool2d* average = module.as<AvgPool2d>())
    if (const auto kernel = plain_kernel(average->options))
      return FusedPool{SpikePool::average, *kernel};
  return std::nullopt;
}

/// Whether neurons can write their spikes as bits themselves: CUDA devices write whole words.
bool writes_bits(const Tensor& x) { return x.device() == cpu_device || x.size(-1) % 64 == 0; }

Shard with_bits(Shard shard) { return {to_bits(shard.output), std::move(shard.state)}; }

/// For how many steps a module shows a static input; 0: it takes none.
std::int64_t steps_shown_by(AnyModule& module) {
  if (const NeuronLayer* neurons = module.as<NeuronLayer>()) return neurons->steps;
  if (Sequential* network = module.as<Sequential>()) return network->shown_steps();
  return 0;
}

/// Whether a module is known to make of each sample what it would without the others.
bool treats_samples_apart(AnyModule& module) {
  return module.as<Linear>() || module.as<Conv2d>() || module.as<Flatten>() ||
         module.as<Dropout>() || module.as<MaxPool2d>() || module.as<AvgPool2d>();
}

/// What a linear layer or a convolution multiplies by; null for other modules.
const Tensor* weight_of(AnyModule& module) {
  if (const Linear* linear = module.as<Linear>()) return &linear->weight;
  if (const Conv2d* conv = module.as<Conv2d>()) return &conv->weight;
  return nullptr;
}

/// Adds what such a module costs.
void add_work(AnyModule& module, StaticWork& work) {
  const Tensor* const weight = weight_of(module);
  if (weight == nullptr) return;
  work.weights += weight->numel();
  work.fan_in = weight->numel() / weight->size(weight->rank() - 1);
}

}  // namespace

Sequential& Sequential::add(AnyModule module, std::string name) {
  if (name.empty()) name = std::to_string(entries_.size());
  for (const Entry& entry : entries_)
    RV_CHECK(entry.name != name, "[Sequential] the name '{}' is taken.", name);
  entries_.push_back({std::move(name), std::move(module)});
  return *this;
}

AnyModule& Sequential::module(std::size_t index) {
  RV_CHECK(index < entries_.size(), "[Sequential] index {} is out of range; it has {} modules.",
           index, entries_.size());
  return entries_[index].module;
}

void Sequential::visit(Visitor& visitor) {
  for (Entry& entry : entries_) visitor.child(entry.name, entry.module);
}

// Whether spikes leave module `index` as bits. Tensor cores multiply numbers only.
bool Sequential::hands_on_bits(std::size_t index, Device device) {
  const bool wanted =
      device == cpu_device ? packing_ != SpikePacking::off : packing_ == SpikePacking::on;
  return wanted && feeds_product(index);
}

// Whether spikes that leave module `index` reach a product that takes them packed: not one in f64.
bool Sequential::feeds_product(std::size_t index) {
  for (std::size_t i = index + 1; i < entries_.size(); ++i) {
    AnyModule& module = entries_[i].module;
    if (const Tensor* const weight = weight_of(module)) return weight->dtype() == DType::f32;
    if (!module.as<Flatten>() && !module.as<MaxPool2d>()) return false;
  }
  return false;
}

// How many modules from `index` on are computed as one.
std::size_t Sequential::group_size(std::size_t index) {
  const auto at = [&](std::size_t i) {
    return i < entries_.size() ? &entries_[i].module : nullptr;
  };
  const BatchNorm* const norm = at(index)->as<BatchNorm>();
  if (!norm || !at(index + 1) || !at(index + 1)->as<NeuronLayer>()) return 1;
  // Ranks that wait for each other's statistics must not wait for a state in the same operation.
  if (norm->training && norm_spans_steps(norm->options.mode)) return 1;
  return at(index + 2) && fused_pool(*at(index + 2)) ? 3 : 2;
}

std::int64_t Sequential::shown_steps() {
  const std::size_t shown = static_input_length();
  return shown == 0 ? 0 : steps_shown_by(entries_[shown - 1].module);
}

// How many modules from the first on are given a static input: up to the one that shows it.
std::size_t Sequential::static_input_length() {
  std::size_t length = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (steps_shown_by(entries_[i].module) == 0) continue;
    RV_CHECK(length == 0,
             "[Sequential] '{}' shows a static input and makes a sequence of it; '{}' behind it is "
             "given that sequence, so its steps must be 0.",
             entries_[length - 1].name, entries_[i].name);
    length = i + 1;
  }
  return length;
}

Shard Sequential::operator()(const Tensor& x, const State& state) {
  RV_CHECK(!entries_.empty(),
           "[Sequential] it has no modules: none were added, or it was moved to another place.");
  State next;
  next.children.resize(entries_.size());
  const std::size_t shared = shared_modules(x);
  const Tensor y = shared > 0 ? run_shared(shared, x, state, next) : x;
  return {run(shared, entries_.size(), y, state, next), std::move(next)};
}

// Of a static input, how many of the first modules this rank computes for some samples only.
std::size_t Sequential::shared_modules(const Tensor& x) {
  const ShardContext* const context = shard_context();
  if (context == nullptr || context->static_samples == nullptr || observer_) return 0;
  const std::size_t shown = static_input_length();
  if (shown == 0) return 0;
  StaticWork work{.samples = x.size(0)};
  std::size_t count = 0;
  while (count + 1 < shown && treats_samples_apart(entries_[count].module))
    add_work(entries_[count++].module, work);
  return work.weights > 0 && context->static_samples->wanted(work) ? count : 0;
}

Tensor Sequential::run_shared(std::size_t count, const Tensor& x, const State& state, State& next) {
  ShardContext context = *shard_context();
  SampleSharing& ranks = *std::exchange(context.static_samples, nullptr);
  const Slice own = ranks.own(x.size(0));
  context.samples.end = context.samples.begin + own.end;
  context.samples.begin += own.begin;
  const ShardContextGuard part(context);
  return ranks.gather(run(0, count, slice(x, 0, own.begin, own.end), state, next), x.size(0));
}

// Of modules that are computed as one: "1 BatchNorm + 2 LIF".
std::string Sequential::group_name(std::size_t first, std::size_t count) const {
  std::string name;
  for (std::size_t i = first; i < first + count; ++i)
    name += fmt::format("{}{} {}", i == first ? "" : " + ", entries_[i].name,
                        entries_[i].module.kind());
  return name;
}

// Modules [first, last), whose states after x are left in `next`.
Tensor Sequential::run(std::size_t first, std::size_t last, const Tensor& x, const State& state,
                       State& next) {
  const bool alone = !fuse_ || observer_;
  const std::size_t shown = static_input_length();
  Tensor y = x;
  for (std::size_t i = first; i < last;) {
    const StaticInputGuard input(i + 1 < shown);  // what shows it knows
    const std::size_t count = alone ? 1 : group_size(i);
    const LayerScope layer(group_name(i, count));
    // In a group, the neuron is the one module that has a state.
    const std::size_t stateful = count > 1 ? i + 1 : i;
    const State before = state.child(stateful, entries_.size());
    Shard shard = count > 1 ? run_fused(i, count, y, before) : run_alone(i, y, before);
    if (observer_)
      observer_({entries_[i].name, entries_[i].module.kind(), entries_[i].module, y, shard.output});
    if (group_observer_) group_observer_({i, count, y, shard.output, shard.state});
    next.children[stateful] = std::move(shard.state);
    y = std::move(shard.output);
    i += count;
  }
  return y;
}

Shard Sequential::run_alone(std::size_t index, const Tensor& x, const State& state) {
  AnyModule& module = entries_[index].module;
  const Neuron* const neuron = neurons_of(module);
  const bool bits = neuron != nullptr && neuron->spiking() && fuse_ && !observer_ &&
                    hands_on_bits(index, x.device());
  if (!bits) return module(x, state);
  if (!writes_bits(x)) return with_bits(module(x, state));
  if (NeuronLayer* layer = module.as<NeuronLayer>()) return layer->run(x, state, true);
  return module.as<Recurrent>()->run(x, state, true);
}

Shard Sequential::run_fused(std::size_t first, std::size_t count, const Tensor& x,
                            const State& state) {
  const BatchNorm& norm = *entries_[first].module.as<BatchNorm>();
  const NeuronLayer& neurons = *entries_[first + 1].module.as<NeuronLayer>();
  const FusedPool pool = count == 3 ? *fused_pool(entries_[first + 2].module) : FusedPool{};
  const bool bits = pool.pool != SpikePool::average && neurons.neuron.spiking() &&
                    hands_on_bits(first + count - 1, x.device());
  const NormNeuronPoolOptions options{.norm = norm.op_options(),
                                      .steps = steps_here(neurons.steps),
                                      .pool = pool.pool,
                                      .kernel = pool.kernel,
                                      .packed = bits && writes_bits(x),
                                      .final_state = state.keep,
                                      .relay = state_relay(state)};
  NormNeuronPoolResult result = norm_neuron_pool(x, norm.gamma, norm.beta, norm.running,
                                                 neurons.neuron, to_neuron_state(state), options);
  Shard shard{std::move(result.spikes), kept_state(state, result.state)};
  return bits ? with_bits(std::move(shard)) : shard;
}

}  // namespace ranvier

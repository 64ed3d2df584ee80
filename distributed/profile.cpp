#include "ranvier/distributed/profile.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/neurons.h"

namespace ranvier {
namespace {

std::int64_t bytes_of(const State& state) {
  std::int64_t bytes = 0;
  for (const Tensor& tensor : state.tensors) bytes += tensor.nbytes();
  for (const State& child : state.children) bytes += bytes_of(child);
  return bytes;
}

/// Seconds since it was last asked, of work that `device` has finished.
class Stopwatch {
 public:
  explicit Stopwatch(Device device) : device_(device) { lap(); }

  double lap() {
    synchronize(device_);
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Device device_;
  Clock::time_point last_;
};

/// Puts back, when it ends, what running a network in training changes.
class Restore {
 public:
  explicit Restore(Sequential& network) : network_(network), generator_(default_generator()) {
    for (auto& [name, tensor] : parameters(network)) {
      gradients_.push_back({tensor, tensor.grad()});
      tensor.set_grad({});
    }
    for (auto& [name, tensor] : state_dict(network))
      if (!tensor.requires_grad()) buffers_.push_back({tensor, clone(tensor)});
  }
  ~Restore() {
    network_.observe_groups({});
    for (auto& [tensor, gradient] : gradients_) tensor.set_grad(gradient);
    for (auto& [tensor, values] : buffers_) copy_into(tensor, values);
    for (auto& [layer, steps] : steps_) layer->steps = steps;
    default_generator() = generator_;
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  void set_steps(NeuronLayer& layer, std::int64_t steps) {
    steps_.push_back({&layer, layer.steps});
    layer.steps = steps;
  }

 private:
  struct Kept {
    Tensor tensor, values;
  };
  Sequential& network_;
  std::vector<Kept> gradients_, buffers_;
  std::vector<std::pair<NeuronLayer*, std::int64_t>> steps_;
  Generator generator_;
};

/// One training step, timed.
struct TimedStep {
  std::vector<double> forward, backward;  // by stage
  double loss = 0, rest = 0;
};

class Profiler {
 public:
  Profiler(Sequential& network, const Tensor& input, const ProfileOptions& options)
      : network_(network), input_(input), options_(options), restore_(network) {
    for (std::size_t i = 0; i < network.size(); ++i) {
      NeuronLayer* layer = network.module(i).as<NeuronLayer>();
      if (layer == nullptr || layer->steps == 0) continue;
      if (!static_until_) static_until_ = i;
      if (options.steps > 0) restore_.set_steps(*layer, options.steps);
    }
  }

  NetworkProfile run() {
    step();  // warms up
    std::vector<TimedStep> steps;
    for (int i = 0; i < options_.runs; ++i) steps.push_back(step());
    const auto median = [&](auto&& value) {
      std::vector<double> values;
      for (const TimedStep& timed : steps) values.push_back(value(timed));
      std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
      return values[values.size() / 2];
    };
    for (std::size_t i = 0; i < profile_.stages.size(); ++i) {
      profile_.stages[i].forward = median([&](const TimedStep& timed) { return timed.forward[i]; });
      profile_.stages[i].backward =
          median([&](const TimedStep& timed) { return timed.backward[i]; });
    }
    profile_.loss = median([](const TimedStep& timed) { return timed.loss; });
    profile_.rest = median([](const TimedStep& timed) { return timed.rest; });
    return std::move(profile_);
  }

 private:
  TimedStep step() {
    TimedStep timed;
    profile_.stages.clear();
    zero_grad(parameters(network_));
    std::vector<std::uint64_t> ends;  // by stage: the first node that is not its own
    Stopwatch watch(input_.device());
    std::int64_t saved = saved_bytes();
    network_.observe_groups([&](const GroupObservation& group) {
      timed.forward.push_back(watch.lap());
      profile_.stages.push_back(stage(group));
      profile_.stages.back().saved_bytes = saved_bytes() - saved;
      saved = saved_bytes();
      ends.push_back(next_node_sequence());
      watch.lap();
    });
    const Tensor output = network_(input_, State{}).output;
    const Tensor loss = options_.loss(output);
    timed.loss = watch.lap();
    timed.backward.resize(ends.size());
    loss.backward({.after_node = [&](const Node& node) {
      const auto owner = std::upper_bound(ends.begin(), ends.end(), node.sequence());
      double& seconds = owner == ends.end()
                            ? timed.loss
                            : timed.backward[static_cast<std::size_t>(owner - ends.begin())];
      seconds += watch.lap();
    }});
    timed.rest = watch.lap();
    profile_.steps = output.size(0);
    profile_.batch = output.size(1);
    profile_.output_bytes = output.nbytes();
    return timed;
  }

  StageProfile stage(const GroupObservation& group) {
    const std::size_t last = group.first + group.count - 1;
    StageProfile stage{.name = group.count == 1
                                   ? network_.name(last)
                                   : network_.name(group.first) + "-" + network_.name(last),
                       .static_input = static_until_ && group.first <= *static_until_,
                       .state_bytes = bytes_of(group.state)};
    stage.chained = stage.state_bytes > 0;
    for (std::size_t i = group.first; i <= last; ++i) {
      AnyModule& module = network_.module(i);
      if (i > group.first) stage.kind += ' ';
      stage.kind += module.kind();
      for (const auto& [name, tensor] : parameters(module)) stage.weight_bytes += tensor.nbytes();
      const BatchNorm* norm = module.as<BatchNorm>();
      if (norm != nullptr && norm->training && norm->options.mode == BatchNormMode::batch)
        stage.norm_channels = norm->options.features;
    }
    return stage;
  }

  Sequential& network_;
  const Tensor& input_;
  const ProfileOptions& options_;
  Restore restore_;
  std::optional<std::size_t> static_until_;  // the module that gives a static input its time axis
  NetworkProfile profile_;
};

}  // namespace

NetworkProfile profile_network(Sequential& network, const Tensor& input,
                               const ProfileOptions& options) {
  RV_CHECK(options.loss != nullptr, "[profile_network] needs a loss.");
  RV_CHECK(options.runs >= 1 && options.steps >= 0,
           "[profile_network] runs must be >= 1 and steps >= 0; got {} and {}.", options.runs,
           options.steps);
  return Profiler(network, input, options).run();
}

NetworkProfile at_steps(const NetworkProfile& few, const NetworkProfile& many, std::int64_t steps) {
  RV_CHECK(few.steps < many.steps && steps >= 1 && few.batch == many.batch &&
               few.stages.size() == many.stages.size(),
           "[at_steps] needs profiles of one network and batch with few and with many steps; got "
           "{} and {} steps, {} and {} samples.",
           few.steps, many.steps, few.batch, many.batch);
  const double back =  // from `many`, in lengths of what was measured
      static_cast<double>(many.steps - steps) / static_cast<double>(many.steps - few.steps);
  const auto seconds = [&](double low, double high) {
    const double line = high - std::max(0.0, high - low) * back;
    const double proportional = low * static_cast<double>(steps) / static_cast<double>(few.steps);
    return steps < few.steps ? std::max(line, proportional) : line;
  };
  const auto bytes = [&](std::int64_t low, std::int64_t high) {
    return low + (high - low) * (steps - few.steps) / (many.steps - few.steps);
  };
  NetworkProfile profile = many;
  profile.steps = steps;
  for (std::size_t i = 0; i < profile.stages.size(); ++i) {
    const StageProfile &low = few.stages[i], &high = many.stages[i];
    profile.stages[i].forward = seconds(low.forward, high.forward);
    profile.stages[i].backward = seconds(low.backward, high.backward);
    profile.stages[i].saved_bytes = bytes(low.saved_bytes, high.saved_bytes);
  }
  profile.loss = seconds(few.loss, many.loss);
  profile.output_bytes = bytes(few.output_bytes, many.output_bytes);
  return profile;
}

}  // namespace ranvier

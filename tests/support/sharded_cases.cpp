#include "tests/support/sharded_cases.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/residual.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/sgd.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr std::int64_t steps = 11, batch = 6, classes = 4;

Tensor some_labels() {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < batch; ++i) labels.push_back(i % classes);
  return from_vector(labels, {batch});
}

Tensor sequence(const Shape& step) { return random_values(Shape{steps, batch}.concat(step), 5); }

Sequential with_mode(Sequential network, BatchNormMode mode) {
  set_batch_norm_mode(network, mode);
  return network;
}

Sequential small_event_cnn(BatchNormMode mode) {
  return with_mode(event_cnn({.frame = {8, 8, 2},
                              .channels = {4, 8},
                              .classes = classes,
                              .dropout = 0.2,
                              .readout_tau = 5.0}),
                   mode);
}

Sequential small_csnn(BatchNormMode mode) {
  return with_mode(csnn({.steps = steps, .channels = 4, .classes = classes, .image = {8, 8, 1}}),
                   mode);
}

Sequential mixed() {
  Sequential body(Linear({.in = 12, .out = 12}),
                  CubaLIF({.tau = 2, .tau_syn = 3, .decay_input = false}));
  return Sequential(Dropout({.p = 0.2}), Linear({.in = 12, .out = 12}), ALIF(),
                    Residual(std::move(body)), Dropout({.p = 0.3, .shared_steps = true}),
                    Recurrent(ParametricLIFOptions{}, {.features = 12}),
                    Linear({.in = 12, .out = classes}), LeakyIntegrator());
}

/// Delays of the input, rounded, shorter than most shards, and of spikes, longer than all of them.
Sequential delayed() {
  return Sequential(Delay({.features = 12, .max_delay = 2, .rounded = true}),
                    Linear({.in = 12, .out = 16}), LIF({.decay_input = false}),
                    Delay({.features = 16, .max_delay = 7}), Linear({.in = 16, .out = classes}),
                    LeakyIntegrator());
}

Sequential wide() {
  return Sequential(Linear({.in = 12, .out = 150}), ALIF(), Linear({.in = 150, .out = 70}),
                    ParametricLIF(), Linear({.in = 70, .out = classes}), LeakyIntegrator());
}

/// Layers before the first neuron, in two networks, the inner of which shows the images.
Sequential deep_before_neurons() {
  Sequential inner(Linear({.in = 4 * 4 * 4, .out = 20}), Dropout({.p = 0.2}),
                   LIF({}, {.steps = steps}), Linear({.in = 20, .out = classes}));
  return Sequential(Conv2d({.in = 1, .out = 4, .conv = {.padding = {1, 1}}}), AvgPool2d(),
                    Dropout({.p = 0.2}), Flatten(), std::move(inner), LeakyIntegrator());
}

/// One value of a channel for each sample and step.
Sequential normed_vectors() {
  return with_mode(
      Sequential(Linear({.in = 12, .out = 10, .bias = false}), BatchNorm({.features = 10}), LIF(),
                 Linear({.in = 10, .out = classes}), LeakyIntegrator()),
      BatchNormMode::step);
}

/// Losses, the last output and what was learned.
struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> outputs;    ///< at all steps of time
  std::vector<Tensor> gradients;  ///< of the last step and what is learned
  NamedTensors state;
};

using Step = std::function<Tensor(Sequential&, std::vector<double>& losses)>;

Trained train(const ShardedCase& of, int training_steps, Device device, const Step& step) {
  seed(17);
  Sequential network = of.network();
  move_to(network, device);
  Sgd optimizer(parameters(network), {.lr = 0.1});
  Trained result;
  for (int i = 0; i < training_steps; ++i) {
    zero_grad(optimizer.parameters());
    result.outputs.push_back(step(network, result.losses));
    if (i + 1 < training_steps) optimizer.step();
  }
  for (const NamedTensor& parameter : parameters(network))
    if (parameter.tensor.requires_grad()) result.gradients.push_back(parameter.tensor.grad());
  result.state = state_dict(network);
  return result;
}

Tensor loss_of(const Tensor& output, const Tensor& labels) {
  return cross_entropy(read_out(Readout::mean, output), labels);
}

Trained train_whole(const ShardedCase& of, int training_steps, Device device) {
  const Tensor x = of.x.to(device), labels = of.labels.to(device);
  return train(of, training_steps, device, [&](Sequential& network, std::vector<double>& losses) {
    const Tensor output = network(x);
    const Tensor loss = loss_of(output, labels);
    loss.backward();
    losses.push_back(loss.item());
    return output.detach().to(cpu_device);
  });
}

Trained train_sharded(const ShardedCase& of, const Mesh& mesh, int training_steps,
                      const ShardOptions& options, Device device) {
  std::unique_ptr<ShardedNetwork> sharded;
  ShardOptions all_options = options;
  all_options.static_layers = of.static_layers;
  const Tensor x = own_part(of, mesh).to(device), labels = of.labels.to(device);
  return train(of, training_steps, device, [&](Sequential& network, std::vector<double>& losses) {
    if (!sharded) sharded = std::make_unique<ShardedNetwork>(network, mesh, all_options);
    const Slice mine = sharded->samples(batch);
    const Tensor output = (*sharded)(x, {batch, steps});
    const Tensor loss = loss_of(output, slice(labels, 0, mine.begin, mine.end));
    sharded->backward(loss);
    // The mean over the batch, from the shards' own means.
    Tensor sum =
        full({1}, loss.item() * static_cast<double>(mine.length()) / batch, {.dtype = DType::f64});
    all_reduce(mesh.data_column(), sum);
    losses.push_back(sum.item());
    return output.detach().to(cpu_device);
  });
}

/// The difference's length relative to that of `b`.
double relative_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> left = to_vector(a), right = to_vector(b);
  double difference = 0, length = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference += (left[i] - right[i]) * (left[i] - right[i]);
    length += right[i] * right[i];
  }
  return std::sqrt(difference / std::max(length, 1e-30));
}

}  // namespace

std::vector<ShardedCase> sharded_cases() {
  const Tensor vectors = sequence({12}), frames = sequence({8, 8, 2});
  const Tensor images = random_values({batch, 8, 8, 1}, 6);
  const Tensor labels = some_labels();
  return {
      {"event_mlp",
       [] {
         return event_mlp({.inputs = 12, .hidden = {16, 8}, .classes = classes, .dropout = 0.2});
       },
       vectors, labels},
      {"recurrent_net",
       [] { return recurrent_net({.inputs = 12, .hidden = {16}, .classes = classes}); }, vectors,
       labels},
      {"adaptive_net",
       [] {
         return adaptive_net({.inputs = 12, .hidden = {16}, .classes = classes, .dropout = 0.2});
       },
       vectors, labels},
      {"mixed", mixed, vectors, labels},
      {"delayed", delayed, vectors, labels},
      {"wide", wide, vectors, labels},
      {"normed vectors", normed_vectors, vectors, labels, SharedOver::data},
      {"event_cnn, step", [] { return small_event_cnn(BatchNormMode::step); }, frames, labels,
       SharedOver::data},
      {"event_cnn, frozen", [] { return small_event_cnn(BatchNormMode::frozen); }, frames, labels},
      {"event_cnn, sync", [] { return small_event_cnn(BatchNormMode::batch); }, frames, labels,
       SharedOver::all},
      {"leaky_mlp",
       [] { return leaky_mlp({.steps = steps, .inputs = 64, .hidden = 20, .classes = classes}); },
       images, labels, SharedOver::nobody, true},
      {"csnn, step", [] { return small_csnn(BatchNormMode::step); }, images, labels,
       SharedOver::data, true},
      {"csnn, sync", [] { return small_csnn(BatchNormMode::batch); }, images, labels,
       SharedOver::all, true},
      {"leaky_mlp, shared samples",
       [] { return leaky_mlp({.steps = steps, .inputs = 64, .hidden = 20, .classes = classes}); },
       images, labels, SharedOver::nobody, true, StaticLayers::shared},
      {"csnn, step, shared samples", [] { return small_csnn(BatchNormMode::step); }, images, labels,
       SharedOver::data, true, StaticLayers::shared},
      {"deep before neurons, shared samples", deep_before_neurons, images, labels,
       SharedOver::nobody, true, StaticLayers::shared},
  };
}

Tensor own_part(const ShardedCase& of, const Mesh& mesh) {
  const auto part = [](const Tensor& x, int axis, int index, int count) {
    const Slice own = Slice::of(x.size(axis), index, count);
    return slice(x, axis, own.begin, own.end);
  };
  const Tensor own = of.static_input ? of.x : part(of.x, 0, mesh.time_index(), mesh.shape().time);
  return part(own, of.static_input ? 0 : 1, mesh.data_index(), mesh.shape().data);
}

std::string sharded_mismatch(const ShardedCase& of, const Mesh& mesh, int training_steps,
                             const ShardOptions& options, Device device) {
  const Trained whole = train_whole(of, training_steps, device);
  const Trained sharded = train_sharded(of, mesh, training_steps, options, device);
  std::string found;
  const auto note = [&](const std::string& what, double difference) {
    found +=
        fmt::format("{} on rank {} of {} data x {} time: {} differs by {:.3g}\n", of.name,
                    mesh.all().index(), mesh.shape().data, mesh.shape().time, what, difference);
  };
  // Statistics that several ranks take together are rounded otherwise than those of one.
  const bool exact = of.statistics == SharedOver::nobody ||
                     (of.statistics == SharedOver::data && mesh.shape().data == 1);
  const double tolerance = exact ? 1e-5 : 1e-3;
  const Slice mine = Slice::of(batch, mesh.data_index(), mesh.shape().data);
  const auto expected = [&](std::size_t i) {
    return slice(whole.outputs[i], 1, mine.begin, mine.end);
  };
  if (exact && !same_bits(sharded.outputs[0], expected(0)))
    note("a bit of the first output", relative_difference(sharded.outputs[0], expected(0)));
  for (std::size_t i = 0; i < whole.outputs.size(); ++i)
    if (const double output = relative_difference(sharded.outputs[i], expected(i));
        !(output <= tolerance))
      note(fmt::format("output {}", i), output);
  for (std::size_t i = 0; i < whole.losses.size(); ++i) {
    const double loss = std::abs(sharded.losses[i] / whole.losses[i] - 1);
    if (!(loss <= tolerance)) note(fmt::format("loss {}", i), loss);
  }
  for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
    const double gradient = relative_difference(sharded.gradients[i], whole.gradients[i]);
    if (!(gradient <= tolerance)) note(fmt::format("gradient {}", i), gradient);
  }
  for (std::size_t i = 0; i < whole.state.size(); ++i) {
    const double state = relative_difference(sharded.state[i].tensor, whole.state[i].tensor);
    if (!(state <= tolerance)) note(whole.state[i].name, state);
  }
  return found;
}

std::vector<MessageRecord> sharded_messages(const ShardedCase& of, const Mesh& mesh,
                                            const ShardOptions& options) {
  Transport& transport = mesh.transport();
  const auto before = static_cast<std::ptrdiff_t>(transport.messages().size());
  transport.record_messages(true);
  train_sharded(of, mesh, 1, options, cpu_device);
  transport.record_messages(false);
  return {transport.messages().begin() + before, transport.messages().end()};
}

}  // namespace ranvier::test

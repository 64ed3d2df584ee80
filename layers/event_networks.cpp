#include "ranvier/layers/event_networks.h"

#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/recurrent.h"

namespace ranvier {
namespace {

// The neuron with learnables of its own, as at birth.
Neuron reborn(const Neuron& neuron) { return Neuron(neuron.description()); }

NeuronLayer own_neurons(const Neuron& neuron) { return NeuronLayer(reborn(neuron), {}); }

void add_dropout(Sequential& network, double p) {
  check_dropout({.p = p});
  if (p > 0) network.add(Dropout({.p = p, .shared_steps = true}));
}

/// Fully connected hidden layers.
struct Hidden {
  std::int64_t inputs;
  const std::vector<std::int64_t>& sizes;
  double dropout;
  std::int64_t max_delay;
};

/// Returns the width of the last one.
std::int64_t add_hidden(Sequential& network, const Hidden& layers, const Neuron& neuron,
                        bool recurrent) {
  std::int64_t width = layers.inputs;
  for (const std::int64_t size : layers.sizes) {
    network.add(Linear({.in = width, .out = size}));
    if (recurrent)
      network.add(Recurrent(reborn(neuron), {.features = size}));
    else
      network.add(own_neurons(neuron));
    add_dropout(network, layers.dropout);
    if (layers.max_delay != 0)
      network.add(Delay({.features = size, .max_delay = layers.max_delay}));
    width = size;
  }
  return width;
}

void add_readout(Sequential& network, std::int64_t width, std::int64_t classes, double tau) {
  network.add(Linear({.in = width, .out = classes})).add(LeakyIntegrator({.tau = tau}));
}

}  // namespace

Sequential event_mlp(const EventMlpOptions& o) {
  Sequential network;
  const std::int64_t width =
      add_hidden(network, {o.inputs, o.hidden, o.dropout, o.max_delay}, o.neuron, false);
  network.add(Linear({.in = width, .out = o.classes})).add(own_neurons(o.neuron));
  return network;
}

Sequential recurrent_net(const RecurrentNetOptions& o) {
  Sequential network;
  const std::int64_t width =
      add_hidden(network, {o.inputs, o.hidden, o.dropout, o.max_delay}, o.neuron, true);
  add_readout(network, width, o.classes, o.readout_tau);
  return network;
}

Sequential adaptive_net(const AdaptiveNetOptions& o) {
  Sequential network;
  const std::int64_t width =
      add_hidden(network, {o.inputs, o.hidden, o.dropout, o.max_delay}, o.neuron, o.recurrent);
  add_readout(network, width, o.classes, o.readout_tau);
  return network;
}

Sequential event_cnn(const EventCnnOptions& o) {
  RV_CHECK(o.frame.rank() == 3 && o.frame.numel() > 0,
           "[event_cnn] frames must be [H, W, C], not empty; got {}.", o.frame);
  Sequential network;
  std::int64_t height = o.frame[0], width = o.frame[1], features = o.frame[2];
  for (const std::int64_t channels : o.channels) {
    RV_CHECK(height >= 2 && width >= 2,
             "[event_cnn] {} blocks halve frames {} to nothing; take fewer channels.",
             o.channels.size(), o.frame);
    network
        .add(Conv2d({.in = features, .out = channels, .conv = {.padding = {1, 1}}, .bias = false}))
        .add(BatchNorm({.features = channels}))
        .add(own_neurons(o.neuron))
        .add(MaxPool2d{{.kernel = {2, 2}}});
    height /= 2;
    width /= 2;
    features = channels;
  }
  network.add(Flatten());
  add_dropout(network, o.dropout);
  add_readout(network, height * width * features, o.classes, o.readout_tau);
  return network;
}

}  // namespace ranvier

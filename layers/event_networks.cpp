#include "ranvier/layers/event_networks.h"

#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/pool.h"

namespace ranvier {
namespace {

// A neuron with learnables of its own, as at birth.
NeuronLayer own_neurons(const Neuron& neuron) {
  return NeuronLayer(Neuron(neuron.description()), {});
}

void add_dropout(Sequential& network, double p) {
  check_dropout({.p = p});
  if (p > 0) network.add(Dropout({.p = p, .shared_steps = true}));
}

}  // namespace

Sequential event_mlp(const EventMlpOptions& o) {
  Sequential network;
  std::int64_t width = o.inputs;
  for (const std::int64_t hidden : o.hidden) {
    network.add(Linear({.in = width, .out = hidden})).add(own_neurons(o.neuron));
    add_dropout(network, o.dropout);
    width = hidden;
  }
  network.add(Linear({.in = width, .out = o.classes})).add(own_neurons(o.neuron));
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
  network.add(Linear({.in = height * width * features, .out = o.classes}))
      .add(LeakyIntegrator({.tau = o.readout_tau}));
  return network;
}

}  // namespace ranvier

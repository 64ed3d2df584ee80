// Networks that people know by name.
#pragma once

#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"

namespace ranvier {

/// SpikingJelly's convolutional network for Fashion-MNIST.
struct CsnnOptions {
  std::int64_t steps = 4;       ///< time steps the image is shown for
  std::int64_t channels = 128;  ///< of both convolutions; the hidden layer has 16 times as many
  std::int64_t classes = 10;
  Shape image{28, 28, 1};  ///< [H, W, C]; H and W multiples of 4
  IFOptions neuron = {.surrogate = surrogate::ATan{}};
};

/// Images [B, H, W, C] to output spikes [T, B, classes]: two blocks of convolution 3x3, batch norm,
/// IF and 2x2 max-pool, then two fully connected layers of IF neurons. The first convolution and
/// batch norm run once, not T times. Errors: options < 1; an image that 4 does not divide.
Sequential csnn(const CsnnOptions& options = {});

/// snnTorch's fully connected network for MNIST.
struct LeakyMlpOptions {
  std::int64_t steps = 25;
  std::int64_t inputs = 28 * 28;
  std::int64_t hidden = 1000;
  std::int64_t classes = 10;
  LeakyOptions neuron = {.beta = 0.9};
};

/// Images [B, H, W, C] to output spikes [T, B, classes] through one hidden layer of Leaky neurons.
/// The input's product is computed once, not T times. Errors: options < 1.
Sequential leaky_mlp(const LeakyMlpOptions& options = {});

}  // namespace ranvier

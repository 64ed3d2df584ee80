// Networks for event data: sequences [T, B, ...] of binned events in, a sequence [T, B, classes]
// out, from which `read_out` (ops/sequence/readout.h) takes each sample's scores.
#pragma once

#include <vector>

#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"

namespace ranvier {

/// The fully connected network of Tonic's and Sinabs' tutorials on spoken commands (SSC).
struct EventMlpOptions {
  std::int64_t inputs = 100;
  std::vector<std::int64_t> hidden{128, 128, 128};
  std::int64_t classes = 35;
  /// Of every layer; what it learns, each layer learns for itself. As it is: Sinabs' IAF.
  Neuron neuron = IFOptions{.v_reset = std::nullopt, .surrogate = surrogate::SingleExponential{}};
  double dropout = 0;          ///< after each hidden layer, the same neurons at all steps; 0: none
  std::int64_t max_delay = 0;  ///< in steps, of learned delays after each hidden layer; 0: none
};

/// [T, B, inputs] to output spikes [T, B, classes]; the tutorials take their sum over time as
/// scores. Errors: sizes < 1; dropout outside [0, 1).
Sequential event_mlp(const EventMlpOptions& options = {});

/// A network of recurrent LIF neurons for spike trains such as spoken digits (SHD).
struct RecurrentNetOptions {
  std::int64_t inputs = 700;
  std::vector<std::int64_t> hidden{128, 128};
  std::int64_t classes = 20;
  /// Of the hidden layers; what it learns, each layer learns for itself.
  Neuron neuron = LIFOptions{.tau = 10.0, .decay_input = false, .v_reset = std::nullopt};
  double dropout = 0;          ///< after each hidden layer, the same neurons at all steps; 0: none
  std::int64_t max_delay = 0;  ///< in steps, of learned delays after each hidden layer; 0: none
  double readout_tau = 20.0;   ///< time constant of the readout in steps
};

/// [T, B, inputs] to membranes of a leaky readout [T, B, classes]: hidden layers whose neurons hear
/// each other, then a fully connected layer. Errors: sizes < 1; options outside their ranges.
Sequential recurrent_net(const RecurrentNetOptions& options = {});

/// The same with neurons whose threshold adapts (Bellec et al. 2018).
struct AdaptiveNetOptions {
  std::int64_t inputs = 700;
  std::vector<std::int64_t> hidden{128, 128};
  std::int64_t classes = 20;
  ALIFOptions neuron = {.tau = 10.0, .decay_input = false};
  bool recurrent = true;       ///< false: the neurons of a layer do not hear each other
  double dropout = 0;          ///< as in `RecurrentNetOptions`
  std::int64_t max_delay = 0;  ///< as in `RecurrentNetOptions`
  double readout_tau = 20.0;   ///< time constant of the readout in steps
};

/// As `recurrent_net`.
Sequential adaptive_net(const AdaptiveNetOptions& options = {});

/// A small convolutional network for event cameras.
struct EventCnnOptions {
  Shape frame{34, 34, 2};                          ///< [H, W, polarities] of a step
  std::vector<std::int64_t> channels{16, 32, 64};  ///< of each block, which halves H and W
  std::int64_t classes = 10;
  /// Of every layer; what it learns, each layer learns for itself.
  Neuron neuron = LIFOptions{.tau = 2.0, .detach_reset = true};
  double dropout = 0;         ///< before the last layer, the same features at all steps; 0: none
  double readout_tau = 10.0;  ///< time constant of the readout in steps
};

/// [T, B, H, W, C] to membranes of a leaky readout [T, B, classes]: blocks of convolution 3x3,
/// batch norm, neurons and 2x2 max-pool, then a fully connected layer. In training, batch norm
/// takes its statistics from all steps of a batch, those that pad it included. Errors: sizes < 1,
/// frames too small for the blocks, options outside their ranges.
Sequential event_cnn(const EventCnnOptions& options = {});

}  // namespace ranvier

// A neuron whose learnables lie on a device.
#pragma once

#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::test {

/// As at birth, with learnables of its own (copies of a neuron share them), as leaves on `device`.
inline Neuron neuron_on(Device device, const Neuron& neuron, DType dtype) {
  Neuron copy(neuron.description());
  for (Tensor& learnable : copy.learnables) {
    learnable = learnable.detach().to(dtype).to(device);
    learnable.set_requires_grad(true);
  }
  return copy;
}

}  // namespace ranvier::test

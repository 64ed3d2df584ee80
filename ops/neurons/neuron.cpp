#include "ranvier/ops/neurons/neuron.h"

#include <utility>

namespace ranvier {

Neuron::Neuron(neurons::Description description)
    : description_(std::make_shared<const neurons::Description>(std::move(description))) {
  for (double value : description_->learnable_values) {
    learnables.push_back(scalar(value));
    learnables.back().set_requires_grad(true);
  }
}

}  // namespace ranvier

// The registration: a neuron model is one header and one entry here. Kernels of all devices, the
// gradient checks and the table in the documentation follow from this list (and `AllSurrogates`).
#pragma once

#include "ranvier/ops/neurons/alif.h"
#include "ranvier/ops/neurons/cuba_lif.h"
#include "ranvier/ops/neurons/if.h"
#include "ranvier/ops/neurons/integrator.h"
#include "ranvier/ops/neurons/leaky.h"
#include "ranvier/ops/neurons/lif.h"
#include "ranvier/ops/neurons/plif.h"
#include "ranvier/ops/neurons/type_list.h"

namespace ranvier {

/// Every neuron model of the library.
using AllNeurons =
    neurons::TypeList<neurons::If, neurons::Lif, neurons::ParametricLif, neurons::Alif,
                      neurons::CubaLif, neurons::Leaky, neurons::LeakyIntegrator>;

}  // namespace ranvier

// Uses the library as a stranger would: installed, found by CMake, included by full name.
#include <fmt/core.h>

#include "ranvier/core/tensor.h"

int main() {
  const ranvier::Tensor spikes = ranvier::tensor({0.0f, 1.0f, 1.0f});
  if (ranvier::to_vector(spikes.to(ranvier::DType::f64)) != std::vector<double>{0.0, 1.0, 1.0}) {
    fmt::print(stderr, "the installed library computes something else\n");
    return 1;
  }
}

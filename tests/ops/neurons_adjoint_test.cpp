// The hand-written adjoints of all models, against dual numbers.
#include "ranvier/ops/neurons/all.h"
#include "tests/support/catch.h"
#include "tests/support/neuron_checks.h"

namespace ranvier {
namespace {

TEST_CASE("every model's adjoint equals dual numbers with every surrogate, reset and detach") {
  int checked = 0;
  AllNeurons::for_each([&]<class Model>(int) {
    for (const auto& options : test::variants_of<typename Model::Options>())
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const test::AdjointCheck<Model> check(options, seed);
        AllSurrogates::for_each([&]<class S>(int) {
          CHECK(check.mismatch(S{}) == "");
          ++checked;
        });
      }
  });
  // IF 3 resets x 2 detach; LIF, parametric, adaptive and current LIF x 2 decay_input; Leaky 3;
  // integrator 2.
  CHECK(checked == (6 + 12 + 12 + 12 + 12 + 3 + 2) * 4 * AllSurrogates::size);
}

TEST_CASE("the adjoint of a clamped beta passes no gradient to beta") {
  LeakyOptions options{.beta = 1.0, .learn_beta = true};
  auto p = neurons::Leaky::params<double>(options);
  neurons::Leaky::learn(p, neurons::Leaky::Learnable<double>{1.5});
  CHECK(p.beta == 1.0);
  CHECK(p.beta_slope == 0.0);
  neurons::Leaky::learn(p, neurons::Leaky::Learnable<double>{-0.5});
  CHECK(p.beta == 0.0);
  CHECK(p.beta_slope == 0.0);
}

}  // namespace
}  // namespace ranvier

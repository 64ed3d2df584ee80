// Traces and gradients of SpikingJelly, snnTorch, Norse and Sinabs, recorded from those libraries
// (or derived in f64 from their formulas): one neuron, eight steps, six digits.
#include <cmath>

#include "ranvier/ops/neurons/scan.h"
#include "tests/support/catch.h"

namespace ranvier {
namespace {

using test::Approx;
using Values = std::vector<double>;

const Values input{0.5, 0.8, 1.2, -0.3, 0.9, 1.5, 0.2, 0.7};

Tensor sequence(const Values& values, DType dtype) {
  return from_vector(values, {static_cast<std::int64_t>(values.size()), 1}).to(dtype);
}

void check_close(const Values& got, const Values& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t t = 0; t < got.size(); ++t) {
    CAPTURE(t);
    CHECK(got[t] == Approx(expected[t]).margin(tolerance));
  }
}

struct Golden {
  const char* name;
  Neuron neuron;
  Values spikes, charged, gradient;
};

/// The membrane after the reset, from the charged one that the recordings hold.
Values after_reset(const Golden& golden, bool soft) {
  Values v = golden.charged;
  for (std::size_t t = 0; t < v.size(); ++t)
    if (golden.spikes[t] != 0) v[t] = soft ? v[t] - 1 : 0;
  return v;
}

void check_golden(const Golden& golden, bool soft) {
  CAPTURE(golden.name, soft);
  for (const DType dtype : {DType::f64, DType::f32}) {
    const double tolerance = 5e-6;
    Tensor x = sequence(input, dtype).set_requires_grad(true);
    const ScanResult result = scan(golden.neuron, x, {}, {.trace = true});
    CHECK(to_vector(result.spikes) == golden.spikes);
    check_close(to_vector(result.trace), after_reset(golden, soft), tolerance);
    result.spikes.backward(full(result.spikes.shape(), 1, {.dtype = dtype}));
    check_close(to_vector(x.grad()), golden.gradient, tolerance);
  }
}

TEST_CASE("IF with a hard reset is SpikingJelly's") {
  const Values s{0, 1, 1, 0, 0, 1, 0, 0}, h{.5, 1.3, 1.2, -.3, .6, 2.1, .2, .9};
  check_golden({"attached",
                IFOptions{},
                s,
                h,
                {.512715, .262111, .388511, .381759, .319771, -.0885574, 1.02197, .91017}},
               false);
  check_golden({"detached",
                IFOptions{.detach_reset = true},
                s,
                h,
                {.817987, .529587, .716957, .521555, .464993, .0772665, 1.04685, .91017}},
               false);
}

TEST_CASE("IF with a soft reset is SpikingJelly's") {
  const Values s{0, 1, 1, 0, 1, 1, 0, 1}, h{.5, 1.3, 1.5, .2, 1.1, 1.6, .8, 1.5};
  check_golden({"attached",
                IFOptions{.v_reset = std::nullopt},
                s,
                h,
                {.997096, .99592, .991326, .987811, .985881, .842824, .798587, .2884}},
               true);
  check_golden({"detached",
                IFOptions{.v_reset = std::nullopt, .detach_reset = true},
                s,
                h,
                {3.37822, 3.08982, 2.56024, 2.27184, 2.13516, 1.22499, 1.00536, .2884}},
               true);
}

TEST_CASE("LIF with decay_input and a hard reset is SpikingJelly's") {
  const Values s{0, 0, 0, 0, 0, 1, 0, 0};
  const Values h{.25, .525, .8625, .28125, .590625, 1.04531, .1, .4};
  check_golden({"attached",
                LIFOptions{},
                s,
                h,
                {.24261, .345782, .455823, .252261, .357015, .433776, .109888, .109816}},
               false);
  check_golden({"detached",
                LIFOptions{.detach_reset = true},
                s,
                h,
                {.296473, .440312, .570723, .298699, .433428, .490069, .110498, .109816}},
               false);
}

TEST_CASE("LIF with decay_input and a soft reset is SpikingJelly's") {
  const Values s{0, 0, 0, 0, 0, 1, 0, 0};
  const Values h{.25, .525, .8625, .28125, .590625, 1.04531, .122656, .411328};
  check_golden({"attached",
                LIFOptions{.v_reset = std::nullopt},
                s,
                h,
                {.206151, .306442, .439041, .224711, .341437, .491143, .10814, .113118}},
               true);
  check_golden({"detached",
                LIFOptions{.v_reset = std::nullopt, .detach_reset = true},
                s,
                h,
                {.298265, .443897, .577892, .313039, .462107, .547429, .114719, .113118}},
               true);
}

TEST_CASE("LIF without decay_input and a hard reset is SpikingJelly's") {
  const Values s{0, 1, 1, 0, 0, 1, 0, 0}, h{.5, 1.05, 1.2, -.3, .75, 1.875, .2, .8};
  check_golden({"attached",
                LIFOptions{.decay_input = false},
                s,
                h,
                {.584625, .692276, .553605, .379735, .63556, .0636924, .485356, .716957}},
               false);
  check_golden({"detached",
                LIFOptions{.decay_input = false, .detach_reset = true},
                s,
                h,
                {.776361, .97592, .716957, .395023, .676922, .116871, .495155, .716957}},
               false);
}

TEST_CASE("LIF without decay_input and a soft reset is SpikingJelly's") {
  const Values s{0, 1, 1, 0, 0, 1, 0, 1};
  const Values h{.5, 1.05, 1.225, -.1875, .80625, 1.90312, .651562, 1.02578};
  check_golden({"attached",
                LIFOptions{.decay_input = false, .v_reset = std::nullopt},
                s,
                h,
                {.638799, .984821, .739243, .434727, .788224, .433243, .725677, .993483}},
               true);
  check_golden({"detached",
                LIFOptions{.decay_input = false, .v_reset = std::nullopt, .detach_reset = true},
                s,
                h,
                {1.01537, 1.45394, .956046, .578446, 1.02282, .586321, .951647, .993483}},
               true);
}

TEST_CASE("parametric LIF at its birth is LIF with the same time constant") {
  for (const bool decay_input : {true, false}) {
    const Tensor x = sequence(input, DType::f64);
    const Neuron learnt = ParametricLIFOptions{.init_tau = 3, .decay_input = decay_input};
    const Neuron fixed = LIFOptions{.tau = 3, .decay_input = decay_input};
    const ScanResult a = scan(learnt, x, {}, {.trace = true});
    const ScanResult b = scan(fixed, x, {}, {.trace = true});
    CHECK(to_vector(a.spikes) == to_vector(b.spikes));
    check_close(to_vector(a.trace), to_vector(b.trace), 1e-6);  // w is stored in f32
    CHECK(learnt.learnables[0].item() == Approx(-std::log(2.0)));
  }
}

TEST_CASE("adaptive LIF fires as Sinabs' ALIF") {
  const Neuron neuron = ALIFOptions{.tau = 20, .tau_adapt = 10, .decay_input = false};
  for (const DType dtype : {DType::f64, DType::f32}) {
    const ScanResult result = scan(neuron, sequence(input, dtype), {}, {.final_state = true});
    CHECK(to_vector(result.spikes) == Values{0, 1, 1, 0, 0, 1, 0, 1});
    double b = 0;
    for (const double spike : to_vector(result.spikes))
      b = std::exp(-0.1) * b + (1 - std::exp(-0.1)) * spike;
    CHECK(result.state.variables()[1].item() == Approx(b).epsilon(1e-6));
  }
}

TEST_CASE("adaptive LIF that does not adapt is LIF with the same decay") {
  const double tau = 3, decay = 1 - 1 / tau;
  for (const bool decay_input : {true, false})
    for (const std::optional<double> v_reset : {std::optional(0.25), std::optional<double>()}) {
      const Tensor x = sequence(input, DType::f64);
      const Neuron adaptive = ALIFOptions{.tau = -1 / std::log(decay),
                                          .decay_input = decay_input,
                                          .adapt_scale = 0,
                                          .v_reset = v_reset};
      const Neuron plain = LIFOptions{.tau = tau, .decay_input = decay_input, .v_reset = v_reset};
      const ScanResult a = scan(adaptive, x, {}, {.trace = true});
      const ScanResult b = scan(plain, x, {}, {.trace = true});
      CHECK(to_vector(a.spikes) == to_vector(b.spikes));
      check_close(to_vector(a.trace), to_vector(b.trace), 1e-12);
    }
}

/// One reset of `CubaLIF` for twice the input, and what is left of the current.
void check_current(const CubaLIFOptions& options, const Values& membrane, const Values& gradient) {
  const Values spikes{0, 0, 0, 0, 1, 0, 1, 0};
  Values twice = input;
  for (double& x : twice) x *= 2;
  for (const DType dtype : {DType::f64, DType::f32}) {
    Tensor x = sequence(twice, dtype).set_requires_grad(true);
    const ScanResult result = scan(options, x, {}, {.final_state = true, .trace = true});
    CHECK(to_vector(result.spikes) == spikes);
    check_close(to_vector(result.trace), membrane, 5e-6);
    CHECK(result.state.variables()[1].item() == Approx(4.58513408).epsilon(1e-6));
    result.spikes.backward(full(result.spikes.shape(), 1, {.dtype = dtype}));
    check_close(to_vector(x.grad()), gradient, 5e-6);
  }
}

TEST_CASE("LIF behind a current is Norse's, and has a soft reset too") {
  const Values hard{.1, .33, .729, .9417, 0, .626784, 0, .573142};
  const Values soft{.1, .33, .729, .9417, .25601, .857193, .312901, .854753};
  check_current({}, hard,
                {.367725, .323262, .266438, .197452, .125331, .149893, .0866502, .0357357});
  check_current({.detach_reset = true}, hard,
                {.637795, .565962, .465915, .339594, .235237, .218145, .118685, .0357357});
  check_current({.v_reset = std::nullopt}, soft,
                {.375781, .367213, .348236, .315773, .270312, .219375, .153677, .0827666});
  check_current({.v_reset = std::nullopt, .detach_reset = true}, soft,
                {1.1445, 1.05464, .915967, .723503, .516616, .349305, .19156, .0827666});
}

TEST_CASE("LIF behind a current that fades at once is LIF") {
  for (const bool decay_input : {true, false}) {
    const Tensor x = sequence(input, DType::f64);
    const Neuron behind = CubaLIFOptions{.tau = 3, .tau_syn = 1, .decay_input = decay_input};
    const Neuron plain = LIFOptions{.tau = 3, .decay_input = decay_input};
    const ScanResult a = scan(behind, x, {}, {.trace = true});
    const ScanResult b = scan(plain, x, {}, {.trace = true});
    CHECK(to_vector(a.spikes) == to_vector(b.spikes));
    CHECK(to_vector(a.trace) == to_vector(b.trace));
  }
}

TEST_CASE("IF with a soft reset is Sinabs' IAF while no membrane reaches twice the threshold") {
  const ScanResult result =
      scan(IFOptions{.v_reset = std::nullopt}, sequence(input, DType::f64), {}, {.trace = true});
  CHECK(to_vector(result.spikes) == Values{0, 1, 1, 0, 1, 1, 0, 1});
  check_close(to_vector(result.trace), {.5, .3, .5, .2, .1, .6, .8, .5}, 1e-12);
}

void check_leaky(LeakyReset reset, const Values& spikes, const Values& membrane) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    const ScanResult result = scan(LeakyOptions{.beta = 0.9, .reset = reset},
                                   sequence(input, dtype), {}, {.trace = true});
    CHECK(to_vector(result.spikes) == spikes);
    check_close(to_vector(result.trace), membrane, 5e-6);
  }
}

TEST_CASE("Leaky resets one step late as in snnTorch") {
  check_leaky(LeakyReset::subtract, {0, 1, 1, 0, 0, 1, 1, 0},
              {.5, 1.25, 1.325, -.1075, .80325, 2.22292, 1.20063, .780569});
  check_leaky(LeakyReset::zero, {0, 1, 1, 0, 0, 1, 0, 0},
              {.5, 1.25, 1.2, -.3, .63, 2.067, .2, .88});
  check_leaky(LeakyReset::none, {0, 1, 1, 1, 1, 1, 1, 1},
              {.5, 1.25, 2.325, 1.7925, 2.51325, 3.76192, 3.58573, 3.92716});
}

TEST_CASE("Leaky's gradients follow snnTorch's recurrence, without a path through the reset") {
  for (const LeakyReset reset : {LeakyReset::subtract, LeakyReset::zero, LeakyReset::none}) {
    Tensor x = sequence(input, DType::f64).set_requires_grad(true);
    const Neuron neuron = LeakyOptions{.beta = 0.9, .learn_beta = true, .reset = reset};
    const ScanResult result = scan(neuron, x, {}, {.trace = true});
    result.spikes.backward(full(result.spikes.shape(), 1, {.dtype = DType::f64}));

    const double beta = neuron.learnables[0].item();
    const Values membrane = to_vector(result.trace), grad = to_vector(x.grad());
    double carried = 0, grad_beta = 0;
    for (int t = 7; t >= 0; --t) {
      const double distance = membrane[t] - 1, previous = t > 0 ? membrane[t - 1] : 0;
      const double kept = reset == LeakyReset::zero && previous > 1 ? 0 : 1;
      const double g = carried + 1 / (1 + std::pow(M_PI * distance, 2));
      CHECK(grad[t] == Approx(g).epsilon(1e-12));
      grad_beta += kept * g * previous;
      carried = beta * kept * g;
    }
    CHECK(neuron.learnables[0].grad().item() == Approx(grad_beta).epsilon(1e-6));
  }
}

TEST_CASE("a spike needs the threshold in SpikingJelly and more than it in snnTorch") {
  const Tensor x = sequence({1.0}, DType::f32);
  CHECK(scan(IFOptions{}, x).spikes.item() == 1);
  CHECK(scan(LIFOptions{.decay_input = false}, x).spikes.item() == 1);
  CHECK(scan(LeakyOptions{}, x).spikes.item() == 0);
}

TEST_CASE("the leaky integrator outputs its membrane") {
  const Tensor x = sequence({1, 0, 2}, DType::f64);
  const ScanResult lif = scan(LeakyIntegratorOptions{}, x, {}, {.trace = true});
  CHECK(to_vector(lif.spikes) == Values{.5, .25, 1.125});
  CHECK(to_vector(lif.trace) == to_vector(lif.spikes));
  const LeakyIntegratorOptions sum{.tau = HUGE_VAL, .decay_input = false};
  CHECK(to_vector(scan(sum, x).spikes) == Values{1, 1, 3});
}

}  // namespace
}  // namespace ranvier

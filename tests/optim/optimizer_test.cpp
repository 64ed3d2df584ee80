#include "ranvier/optim/optimizer.h"

#include <cmath>
#include <limits>

#include "ranvier/core/allocator.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/module.h"
#include "ranvier/optim/adam.h"
#include "ranvier/optim/detail/kernels.h"
#include "ranvier/optim/sgd.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

using namespace ranvier;
using test::Approx;
using test::same_bits;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr auto invalid = ErrorCode::invalid_argument;

using Rows = std::vector<std::vector<double>>;

// The gradients of five steps, and in the cases below where PyTorch 1.13 goes with them in f64.
const Rows gradients{{1, -2, 0.5}, {0.25, 3, -1}, {-1.5, 0.125, 2}, {0.75, -0.5, -0.25}, {2, 1, 1}};

Tensor row(const std::vector<double>& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())}).to(DType::f32);
}

NamedTensors one_parameter() { return {{"w", row({0.5, -1, 2})}}; }

void check_path(Optimizer&& optimizer, const Rows& expected) {
  Tensor w = optimizer.parameters()[0].tensor;
  for (std::size_t t = 0; t < gradients.size(); ++t) {
    w.set_grad(row(gradients[t]));
    optimizer.step();
    for (std::size_t i = 0; i < 3; ++i) {
      INFO("step " << t << ", element " << i);
      CHECK(to_vector(w)[i] == Approx(expected[t][i]).epsilon(2e-6));
    }
  }
}

// Parameters that begin as `one_parameter` and take the same gradients: "w" as the optimizer says,
// "delay" with four times its rate and no decay, "gamma" with a decay of its own.
void check_grouped(const char* name, const OptimizerOptions& options, const Rows& ends) {
  INFO(name);
  NamedTensors parameters;
  for (const char* path : {"0.w", "1.delay", "2.gamma"})
    parameters.push_back({path, one_parameter()[0].tensor});
  const auto optimizer = make_optimizer(name, parameters, options,
                                        {{.names = {"delay"}, .lr_factor = 4, .weight_decay = 0},
                                         {.names = {"gamma"}, .weight_decay = 0.5}});
  for (const std::vector<double>& gradient : gradients) {
    for (NamedTensor& parameter : parameters) parameter.tensor.set_grad(row(gradient));
    optimizer->step();
  }
  for (std::size_t p = 0; p < parameters.size(); ++p)
    for (std::size_t i = 0; i < 3; ++i) {
      INFO(parameters[p].name << ", element " << i);
      CHECK(to_vector(parameters[p].tensor)[i] == Approx(ends[p][i]).epsilon(2e-6));
    }
}

// A parameter of many elements, with a gradient.
NamedTensors large_parameter() {
  Generator generator{3, 0};
  Tensor w = normal({300'001}, 0, 1, generator);
  w.set_grad(normal({300'001}, 0, 1, generator));
  return {{"w", w}};
}

}  // namespace

TEST_CASE("SGD goes where PyTorch's goes") {
  check_path(Sgd(one_parameter(), {.lr = 0.1, .weight_decay = 0.01}),
             {{0.3995, -0.799, 1.948},
              {0.3741005, -1.098201, 2.046052},
              {0.523726399, -1.1096028, 1.84400595},
              {0.448202673, -1.0584932, 1.86716194},
              {0.24775447, -1.1574347, 1.76529478}});
}

TEST_CASE("SGD with momentum goes where PyTorch's goes") {
  check_path(Sgd(one_parameter(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}),
             {{0.3995, -0.799, 1.948},
              {0.2836505, -0.917301, 1.999252},
              {0.3291023, -1.0353546, 1.84337955},
              {0.294679817, -1.09056748, 1.72625096},
              {0.0634049025, -1.23916851, 1.51910898}});
}

TEST_CASE("SGD with Nesterov's momentum goes where PyTorch's goes") {
  check_path(
      Sgd(one_parameter(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}),
      {{0.30905, -0.6181, 1.9012},
       {0.179557805, -1.02411561, 2.04546772},
       {0.370451815, -1.14189013, 1.70313336},
       {0.264214167, -1.14038931, 1.6211374},
       {-0.144068316, -1.37289953, 1.3332937}});
}

TEST_CASE("Adam goes where PyTorch's goes") {
  check_path(Adam(one_parameter(),
                  {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1}),
             {{0.400095147, -0.900047596, 1.90014265},
              {0.317788749, -0.926857953, 1.91843095},
              {0.339496676, -0.947133942, 1.86156255},
              {0.328201723, -0.95128257, 1.81934714},
              {0.275587567, -0.970982739, 1.76058078}});
}

TEST_CASE("AdamW goes where PyTorch's goes") {
  check_path(Adam(one_parameter(), {.lr = 0.1,
                                    .beta1 = 0.8,
                                    .beta2 = 0.95,
                                    .eps = 1e-3,
                                    .weight_decay = 0.1,
                                    .decay = WeightDecay::decoupled}),
             {{0.3950999, -0.890049975, 1.8801996},
              {0.310307413, -0.91149526, 1.90318821},
              {0.332671383, -0.927065502, 1.83794346},
              {0.321732726, -0.927204009, 1.79134255},
              {0.268015767, -0.943193604, 1.72661079}});
}

TEST_CASE("groups of parameters go where PyTorch's go") {
  const OptimizerOptions options{.lr = 0.1, .weight_decay = 0.01, .momentum = 0.9};
  check_grouped("sgd", options,
                {{0.0634049025, -1.23916851, 1.51910898},
                 {-1.22594, -2.00622, 0.17858},
                 {-0.155113281, -0.700123437, 0.412086562}});
  check_grouped("adam", options,
                {{0.277632009, -0.975679849, 1.81708294},
                 {-0.384916894, -0.910123072, 1.2937787},
                 {0.227388506, -0.884374745, 1.59910262}});
  check_grouped("adamw", options,
                {{0.276901259, -0.972813906, 1.81386609},
                 {-0.384916894, -0.910123072, 1.2937787},
                 {0.194954872, -0.763779713, 1.38981928}});
}

TEST_CASE("a group takes whole parts of names, and of two groups the first") {
  const std::vector<const char*> paths{"weight", "weights", "0.weight", "10.0.weight", "0.bias"};
  const auto moved = [&](const ParameterGroups& groups) {
    NamedTensors parameters;
    for (const char* path : paths) parameters.push_back({path, zeros({1})});
    Sgd sgd(parameters, {.lr = 1}, groups);
    for (NamedTensor& parameter : parameters) parameter.tensor.set_grad(full({1}, -1));
    sgd.step();
    std::vector<double> all;
    for (const NamedTensor& parameter : parameters) all.push_back(parameter.tensor.item());
    return all;
  };
  using Moved = std::vector<double>;
  CHECK(moved({}) == Moved{1, 1, 1, 1, 1});
  CHECK(moved({{.names = {"weight"}, .lr_factor = 2}}) == Moved{2, 1, 2, 2, 1});
  CHECK(moved({{.names = {"0"}, .lr_factor = 2}}) == Moved{1, 1, 2, 2, 2});
  CHECK(moved({{.names = {"10.0", "bias"}, .lr_factor = 2}}) == Moved{1, 1, 1, 2, 2});
  CHECK(moved({{.names = {"0.weight"}, .lr_factor = 0}, {.names = {"0"}, .lr_factor = 2}}) ==
        Moved{1, 1, 0, 0, 2});
}

TEST_CASE("groups follow the learning rate that is set") {
  Tensor a = zeros({1}), b = zeros({1});
  Sgd sgd({{"a", a}, {"b", b}}, {.lr = 1}, {{.names = {"b"}, .lr_factor = 0.5}});
  for (Tensor* tensor : {&a, &b}) tensor->set_grad(full({1}, -1));
  sgd.set_lr(4);
  sgd.step();
  CHECK(a.item() == 4);
  CHECK(b.item() == 2);
}

TEST_CASE("momentum under a constant gradient follows its closed form") {
  Tensor w = zeros({1});
  Sgd sgd({{"w", w}}, {.lr = 0.01, .momentum = 0.5});
  for (int t = 1; t <= 20; ++t) {
    w.set_grad(full({1}, 3));
    sgd.step();
    // m_t = 3 (1 - 2^-t) / (1 - 1/2), summed over t
    CHECK(w.item() == Approx(-0.01 * 6 * (t - (1 - std::exp2(-t)))).epsilon(1e-5));
  }
}

TEST_CASE("Adam under a constant gradient moves by lr in every step") {
  Tensor w = zeros({2});
  Adam adam({{"w", w}}, {.lr = 0.125});
  for (int t = 1; t <= 20; ++t) {
    w.set_grad(tensor({-7, 1e-3f}));
    adam.step();
    CHECK(to_vector(w)[0] == Approx(0.125 * t).epsilon(1e-5));
    CHECK(to_vector(w)[1] == Approx(-0.125 * t).epsilon(1e-4));
  }
}

TEST_CASE("a parameter without gradient stays, and its count of steps with it") {
  for (const std::string& name : optimizer_names()) {
    Tensor a = full({2}, 1), b = full({2}, 1);
    const auto optimizer = make_optimizer(name, {{"a", a}, {"b", b}}, {.weight_decay = 0.5});
    a.set_grad(full({2}, 1));
    optimizer->step();
    CHECK(to_vector(a) != std::vector<double>{1, 1});
    CHECK(to_vector(b) == std::vector<double>{1, 1});
    CHECK(to_vector(optimizer->state().back().tensor) == std::vector<double>{1, 0});
  }
}

TEST_CASE("a tensor shared under two names moves once") {
  Tensor w = full({1}, 1);
  w.set_grad(full({1}, 1));
  Sgd sgd({{"encoder", w}, {"decoder", w}}, {.lr = 0.25});
  sgd.step();
  CHECK(w.item() == 0.75);
  CHECK(sgd.parameters().size() == 1);
  CHECK(sgd.parameters()[0].name == "encoder");
}

TEST_CASE("the learning rate can change between steps") {
  Tensor w = zeros({1});
  Sgd sgd({{"w", w}}, {.lr = 0.5});
  w.set_grad(full({1}, 1));
  sgd.step();
  sgd.set_lr(0.25);
  CHECK(sgd.lr() == 0.25);
  sgd.step();
  CHECK(w.item() == -0.75);
}

TEST_CASE("a step is its two parts") {
  for (const std::string& name : optimizer_names()) {
    Tensor whole = full({3}, 1), parts = full({3}, 1);
    const auto first = make_optimizer(name, {{"w", whole}}, {.lr = 0.5, .momentum = 0.5});
    const auto second = make_optimizer(name, {{"w", parts}}, {.lr = 0.5, .momentum = 0.5});
    whole.set_grad(tensor({1, -2, 3}));
    parts.set_grad(tensor({1, -2, 3}));
    for (int t = 0; t < 3; ++t) {
      first->step();
      second->prepare_step();
      second->launch_step();
    }
    CHECK(same_bits(whole, parts));
  }
}

TEST_CASE("an optimizer restored from its state goes on bit for bit") {
  for (const std::string& name : optimizer_names()) {
    const OptimizerOptions options{.lr = 0.05, .weight_decay = 0.01, .momentum = 0.9};
    NamedTensors original = large_parameter();
    const auto first = make_optimizer(name, original, options);
    for (int t = 0; t < 3; ++t) first->step();

    NamedTensors saved;
    for (const auto& [key, value] : first->state()) saved.push_back({key, clone(value)});
    NamedTensors resumed{{"w", clone(original[0].tensor)}};
    resumed[0].tensor.set_grad(original[0].tensor.grad());
    const auto second = make_optimizer(name, resumed, options);
    load_state(second->state(), saved);
    for (int t = 0; t < 2; ++t) {
      first->step();
      second->step();
    }
    CHECK(same_bits(resumed[0].tensor, original[0].tensor));
  }
}

TEST_CASE("the state names what it belongs to") {
  const auto names = [](const Optimizer& optimizer) {
    std::vector<std::string> all;
    for (const auto& [name, tensor] : optimizer.state()) all.push_back(name);
    return all;
  };
  CHECK(names(Sgd(one_parameter())) == std::vector<std::string>{"steps"});
  CHECK(names(Sgd(one_parameter(), {.momentum = 0.9})) ==
        std::vector<std::string>{"w.momentum", "steps"});
  CHECK(names(Adam(one_parameter())) == std::vector<std::string>{"w.mean", "w.square", "steps"});
}

TEST_CASE("updates are the same for any number of threads") {
  for (const std::string& name : optimizer_names()) {
    Tensor results[2];
    for (int i = 0; i < 2; ++i) {
      const test::Threads threads(i == 0 ? 1 : 3);
      NamedTensors parameters = large_parameter();
      const auto optimizer =
          make_optimizer(name, parameters, {.lr = 0.1, .weight_decay = 0.1, .momentum = 0.9});
      for (int t = 0; t < 3; ++t) optimizer->step();
      results[i] = parameters[0].tensor;
    }
    CHECK(same_bits(results[0], results[1]));
  }
}

TEST_CASE("the optimizers' kernels give the same bits on every instruction set") {
  const auto run = [](const optim::Kernels& kernels) {
    const NamedTensors parameters = large_parameter();
    Tensor w = parameters[0].tensor, m = zeros_like(w), v = zeros_like(w);
    Tensor grad = w.grad();
    const std::int64_t count = w.numel();
    const optim::SgdFactors sgd{.lr = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f};
    const optim::AdamFactors adam{0.9f, 0.1f, 0.99f, 0.01f, 0.1f, 0.999f, 0.7f, 1.3f, 1e-8f};
    const float* g = grad.data<float>();
    auto *x = w.mutable_data<float>(), *first = m.mutable_data<float>(),
         *second = v.mutable_data<float>();
    kernels.sgd(sgd, g, x, count);
    kernels.sgd_momentum(sgd, g, x, first, count);
    kernels.sgd_nesterov(sgd, g, x, first, count);
    kernels.adam(adam, g, x, first, second, count);
    kernels.clamp(1.5f, x, count);
    kernels.scale(0.3f, x, count);
    return std::pair(w, kernels.sum_of_squares(x, count));
  };
  const auto [expected, squares] = run(optim::isa_v2::kernels);
  std::vector<const optim::Kernels*> others;
  if (isa_level() >= IsaLevel::v3) others.push_back(&optim::isa_v3::kernels);
  if (isa_level() >= IsaLevel::v4) others.push_back(&optim::isa_v4::kernels);
  for (const optim::Kernels* kernels : others) {
    const auto [w, sum] = run(*kernels);
    CHECK(same_bits(w, expected));
    CHECK(sum == squares);
  }
}

TEST_CASE("a step takes no memory") {
  for (const std::string& name : optimizer_names()) {
    NamedTensors parameters = large_parameter();
    const auto optimizer = make_optimizer(name, parameters, {.momentum = 0.9});
    const std::int64_t before = cpu_allocator().stats().requests;
    optimizer->step();
    CHECK(cpu_allocator().stats().requests == before);
  }
}

TEST_CASE("a step is a write that backward notices") {
  Tensor w = full({1}, 1);
  const std::uint64_t version = w.storage()->version();
  w.set_grad(full({1}, 1));
  Sgd({{"w", w}}).step();
  CHECK(w.storage()->version() > version);
}

TEST_CASE("optimizers refuse parameters they cannot move") {
  CHECK_ERROR(Sgd({}), invalid, "[sgd] needs at least one parameter.");
  CHECK_ERROR(Adam({{"a.b", zeros({2}, {.dtype = DType::f64})}}), invalid,
              "[adam] parameters must be f32; 'a.b' is f64.");
  CHECK_ERROR(Sgd({{"a", zeros({2})}, {"a", zeros({3})}}), invalid,
              "[sgd] two parameters are called 'a'.");
  Tensor w = zeros({2}).set_requires_grad(true);
  CHECK_ERROR(Sgd({{"w", w.to(DType::f64).to(DType::f32)}}), invalid,
              "[sgd] 'w' is the result of an operation");
}

TEST_CASE("optimizers refuse options outside their ranges") {
  const auto sgd = [](SgdOptions options) { Sgd(one_parameter(), options); };
  const auto adam = [](AdamOptions options) { Adam(one_parameter(), options); };
  CHECK_ERROR(sgd({.lr = -1}), invalid, "[sgd] lr must be >= 0 and finite; got -1.");
  CHECK_ERROR(adam({.lr = not_a_number}), invalid, "[adam] lr must be >= 0 and finite; got nan.");
  CHECK_ERROR(Sgd(one_parameter()).set_lr(-2), invalid, "lr must be >= 0 and finite; got -2.");
  CHECK_ERROR(sgd({.momentum = 1}), invalid, "[sgd] momentum must be in [0, 1); got 1.");
  CHECK_ERROR(sgd({.momentum = not_a_number}), invalid,
              "[sgd] momentum must be in [0, 1); got nan.");
  CHECK_ERROR(sgd({.weight_decay = -0.5}), invalid,
              "[sgd] weight_decay must be >= 0 and finite; got -0.5.");
  CHECK_ERROR(sgd({.nesterov = true}), invalid, "[sgd] nesterov needs a momentum > 0; got 0.");
  CHECK_ERROR(adam({.beta1 = 1}), invalid,
              "[adam] beta1 and beta2 must be in [0, 1); got 1 and 0.999.");
  CHECK_ERROR(adam({.beta2 = -0.1}), invalid, "got 0.9 and -0.1.");
  CHECK_ERROR(adam({.eps = -1}), invalid, "[adam] eps must be >= 0 and finite; got -1.");
  CHECK_ERROR(adam({.weight_decay = -1, .decay = WeightDecay::decoupled}), invalid,
              "[adamw] weight_decay must be >= 0 and finite; got -1.");
}

TEST_CASE("optimizers refuse groups that make no sense") {
  const auto adam = [](const ParameterGroup& group) {
    Adam({{"0.weight", zeros({2})}, {"1.delay", zeros({2})}}, {}, {group});
  };
  CHECK_ERROR(adam({.names = {"dleay"}}), invalid,
              "[adam] the group 'dleay' has no parameter; they are called 0.weight, 1.delay.");
  CHECK_ERROR(adam({.names = {"delay", ""}}), invalid, "[adam] the group '' has no parameter");
  CHECK_ERROR(adam({.names = {}}), invalid, "[adam] a group must name its parameters.");
  CHECK_ERROR(adam({.names = {"delay"}, .lr_factor = -1}), invalid,
              "[adam] lr_factor of a group must be >= 0 and finite; got -1.");
  CHECK_ERROR(adam({.names = {"delay"}, .weight_decay = not_a_number}), invalid,
              "[adam] weight_decay of a group must be >= 0 and finite; got nan.");
}

TEST_CASE("an optimizer that nobody knows is refused with the names of those there are") {
  CHECK_ERROR(make_optimizer("sdg", one_parameter()), invalid,
              "[optimizer] the name must be one of sgd, adam, adamw; got 'sdg'.");
  CHECK(optimizer_names() == std::vector<std::string>{"sgd", "adam", "adamw"});
}

TEST_CASE("an optimizer made by name does what its options say") {
  const auto first_step = [](const char* name, const OptimizerOptions& options) {
    Tensor w = full({1}, 1);
    const auto optimizer = make_optimizer(name, {{"w", w}}, options);
    w.set_grad(full({1}, 2));
    optimizer->step();
    return w.item();
  };
  CHECK(first_step("sgd", {.lr = 0.25}) == 0.5);
  CHECK(first_step("sgd", {.lr = 0.25, .weight_decay = 1}) == 0.25);
  CHECK(first_step("sgd", {.lr = 0.25, .momentum = 0.5, .nesterov = true}) == 0.25);
  CHECK(first_step("adam", {.lr = 0.25, .weight_decay = 1}) == Approx(0.75));
  CHECK(first_step("adamw", {.lr = 0.25, .weight_decay = 1}) == Approx(0.5));
}

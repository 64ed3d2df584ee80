// The kernels compiled for different processors give the same bits.
#include <cstring>

#include "ranvier/ops/neurons/detail/isa_kernels.h"
#include "tests/support/catch.h"
#include "tests/support/neuron_checks.h"

namespace ranvier {
namespace {

using neurons::IsaKernels;

/// The levels above v2 that this processor has.
std::vector<IsaLevel> higher_levels() {
  __builtin_cpu_init();
  std::vector<IsaLevel> levels;
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back(IsaLevel::v3);
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back(IsaLevel::v4);
  return levels;
}

/// Everything a step and an adjoint write, for one row of random neurons.
template <class R>
std::vector<R> row_results(const neurons::Program<R>& program,
                           const neurons::RowKernels<R>& kernels) {
  constexpr std::int64_t count = 203, stride = 208;
  test::Numbers numbers(5);
  const auto random = [&](int variables = 1) {
    std::vector<R> row(static_cast<std::size_t>(variables * stride));
    for (R& value : row) value = static_cast<R>(numbers(-2, 3));
    return row;
  };
  const int states = program.states;
  const std::vector<R> before = random(states), x = random(), grad_out = random();
  std::vector<R> after = random(states), out = random(), grad_state = random(states),
                 grad_x = random(), learnt = random(neurons::max_learnables);
  kernels.step(program.params, {before.data(), after.data(), x.data(), out.data(), count, stride});
  kernels.adjoint(program.params, program.slope,
                  {before.data(), x.data(), grad_out.data(), grad_state.data(), grad_x.data(),
                   learnt.data(), count, stride});
  std::vector<R> all;
  for (const auto* row : {&after, &out, &grad_state, &grad_x, &learnt})
    all.insert(all.end(), row->begin(), row->end());
  return all;
}

template <class R>
void compare_rows(const Neuron& neuron, const neurons::Program<R>& program) {
  const auto [model, surrogate] =
      std::pair(neuron.description().f32.model, neuron.description().f32.surrogate);
  const auto kernels = [&](IsaLevel level) {
    return neurons::isa_kernels<R>(level).rows.at[model][surrogate];
  };
  const std::vector<R> reference = row_results(program, kernels(IsaLevel::v2));
  for (const IsaLevel level : higher_levels()) {
    const std::vector<R> results = row_results(program, kernels(level));
    for (std::size_t i = 0; i < results.size(); ++i)
      if (std::memcmp(&results[i], &reference[i], sizeof(R)) != 0) {
        CAPTURE(neuron.name(), surrogate, name(level), sizeof(R), i);
        FAIL_CHECK(results[i] << " differs from " << reference[i]);
        break;
      }
  }
}

TEST_CASE("every instruction set gives the same bits for every model and surrogate") {
  AllNeurons::for_each([]<class Model>(int) {
    for (auto options : test::variants_of<typename Model::Options>())
      AllSurrogates::for_each([&]<class S>(int) {
        if constexpr (Model::spiking) options.surrogate = S{};
        const Neuron neuron = options;
        compare_rows(neuron, neuron.description().f32);
        compare_rows(neuron, neuron.description().f64);
      });
  });
}

template <class R>
void check_stores(const IsaKernels<R>& kernels) {
  test::Numbers numbers(6);
  for (std::int64_t count = 0; count < 200; ++count)
    for (const std::int64_t offset : {0, 1, 5}) {
      std::vector<R> from(256), to(256, R(-1));
      for (R& value : from) value = numbers(0, 1) < 0.4 ? R(1) : R(0);
      kernels.stream(from.data(), to.data() + offset, count);
      bool right = to[offset + count] == R(-1);
      for (std::int64_t i = 0; i < count; ++i) right = right && to[offset + i] == from[i];
      std::vector<std::uint64_t> words(5, 0x5555);
      kernels.pack(from.data() + offset, words.data(), count);
      for (std::int64_t i = 0; i < (count + 63) / 64 * 64; ++i) {
        const bool expected = i < count && from[offset + i] != 0;
        right = right && ((words[i / 64] >> (i % 64)) & 1) == expected;
      }
      right = right && words[(count + 63) / 64] == 0x5555;
      if (!right) FAIL("count " << count << ", offset " << offset);
    }
}

TEST_CASE("stores past the caches and packing are exact for every length and address") {
  std::vector<IsaLevel> levels = higher_levels();
  levels.push_back(IsaLevel::v2);
  for (const IsaLevel level : levels) {
    CAPTURE(name(level));
    check_stores(neurons::isa_kernels<float>(level));
    check_stores(neurons::isa_kernels<double>(level));
  }
}

}  // namespace
}  // namespace ranvier

#include "ranvier/ops/conv/detail/event_conv.h"

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/conv/detail/conv_dense.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

std::vector<Case> cases() {
  return {
      {{2, 5, 5, 3}, {3, 3, 3, 4}, {}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{3, 9, 7, 16}, {3, 3, 16, 32}, {.padding = {1, 1}}},
      {{5, 8, 8, 65}, {3, 3, 65, 33}, {.padding = {1, 1}}},
      {{2, 6, 6, 130}, {3, 3, 130, 150}, {.padding = {1, 1}}},
      {{3, 11, 12, 8}, {3, 3, 8, 16}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{2, 10, 9, 5}, {2, 3, 5, 7}, {.stride = {3, 2}, .padding = {0, 2}}},
      {{2, 9, 9, 6}, {1, 1, 6, 10}, {.stride = {2, 2}}},
      {{2, 11, 10, 9}, {3, 4, 9, 7}, {.stride = {3, 3}, .padding = {1, 2}}},
      {{2, 12, 12, 6}, {3, 3, 6, 10}, {.padding = {2, 2}, .dilation = {2, 2}}},
      {{2, 13, 11, 4}, {3, 2, 4, 6}, {.stride = {2, 1}, .padding = {1, 0}, .dilation = {3, 2}}},
      {{2, 10, 10, 8}, {3, 3, 8, 8}, {.padding = {4, 3}}},
      {{2, 7, 8, 8}, {5, 7, 8, 12}, {.padding = {2, 3}}},
      {{40, 4, 4, 32}, {3, 3, 32, 32}, {.padding = {1, 1}}},
      {{2, 40, 40, 48}, {3, 3, 48, 24}, {.padding = {1, 1}}},   // several bands of rows
      {{2, 5, 5, 600}, {3, 3, 600, 128}, {.padding = {1, 1}}},  // several passes over the taps
  };
}

struct Setting {
  detail::ConvShape shape;
  Tensor bits, dense, weight, bias, gy;

  Setting(const Case& c, double density, bool dyadic)
      : shape(detail::conv_shape(c.x, c.weight, c.options)), dense(random_spikes(c.x, density, 1)) {
    bits = to_bits(dense);
    const Shape y{shape.images, shape.out_height, shape.out_width, shape.out};
    weight = dyadic ? dyadic_values(c.weight, 2) : random_values(c.weight, 2);
    bias = dyadic ? dyadic_values({shape.out}, 3) : random_values({shape.out}, 3);
    gy = dyadic ? dyadic_values(y, 4) : random_values(y, 4);
  }

  Tensor forward(bool by_events) const {
    Tensor y = full(gy.shape(), 77);
    if (by_events)
      detail::event_conv_forward(shape, bits.data<std::uint64_t>(), weight.data<float>(),
                                 bias.data<float>(), nullptr, y.mutable_data<float>());
    else
      detail::conv_forward(shape, {dense.raw_data(), DType::f32, shape.in}, weight.data<float>(),
                           bias.data<float>(), DType::f32, y.mutable_data<float>());
    return y;
  }

  Tensor weight_gradient(bool by_events) const {
    Tensor gw = full(weight.shape(), 77);
    if (by_events)
      detail::event_conv_weight_gradient(shape, bits.data<std::uint64_t>(), gy.data<float>(),
                                         gw.mutable_data<float>());
    else
      detail::conv_weight_gradient(shape, {dense.raw_data(), DType::f32, shape.in},
                                   gy.data<float>(), DType::f32, gw.mutable_data<float>());
    return gw;
  }
};

}  // namespace

TEST_CASE("event-driven convolutions are exact on dyadic numbers at any density", "[event]") {
  const double density = GENERATE(0.0, 0.02, 0.3, 1.0);
  for (const Case& c : cases()) {
    CAPTURE(density, to_string(c.x), to_string(c.weight));
    const Setting setting(c, density, true);
    CHECK(to_vector(setting.forward(true)) == to_vector(setting.forward(false)));
    CHECK(to_vector(setting.weight_gradient(true)) == to_vector(setting.weight_gradient(false)));
  }
}

TEST_CASE("event-driven and dense convolutions share the images of a batch", "[event]") {
  const Setting setting({{3, 6, 6, 20}, {3, 3, 20, 16}, {.padding = {1, 1}}}, 0.3, true);
  const std::vector<double> all = to_vector(setting.forward(true));
  const std::vector<std::uint8_t> chosen{1, 0, 1};
  Tensor events = full(setting.gy.shape(), 77), dense = full(setting.gy.shape(), 77);
  detail::event_conv_forward(setting.shape, setting.bits.data<std::uint64_t>(),
                             setting.weight.data<float>(), setting.bias.data<float>(),
                             chosen.data(), events.mutable_data<float>());
  detail::conv_forward(setting.shape, {setting.dense.raw_data(), DType::f32, 20},
                       setting.weight.data<float>(), setting.bias.data<float>(), DType::f32,
                       dense.mutable_data<float>(), chosen.data());
  const std::vector<double> by_events = to_vector(events), densely = to_vector(dense);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool event_driven = chosen[i / (6 * 6 * 16)] != 0;
    CHECK(by_events[i] == (event_driven ? all[i] : 77));
    CHECK(densely[i] == (event_driven ? 77 : all[i]));
  }
}

TEST_CASE("event-driven convolutions equal dense ones to rounding", "[event]") {
  for (const Case& c : cases()) {
    CAPTURE(to_string(c.x), to_string(c.weight));
    const Setting setting(c, 0.2, false);
    CHECK(largest_difference(setting.forward(true), setting.forward(false)) < 1e-4);
    CHECK(largest_difference(setting.weight_gradient(true), setting.weight_gradient(false)) < 5e-5);
  }
}

TEST_CASE("event-driven convolutions give the same bits for any number of threads",
          "[event][threads]") {
  for (const Case& c : cases()) {
    CAPTURE(to_string(c.x), to_string(c.weight));
    const Setting setting(c, 0.2, false);
    Tensor y, gw;
    {
      const Threads threads(1);
      y = setting.forward(true);
      gw = setting.weight_gradient(true);
    }
    const Threads threads(3);
    CHECK(same_bits(setting.forward(true), y));
    CHECK(same_bits(setting.weight_gradient(true), gw));
  }
}

TEST_CASE("conv2d takes packed spikes, dense or by events", "[event][conv2d]") {
  const double threshold = GENERATE(0.0, 1.0);
  const std::int64_t groups = GENERATE(1, 2);
  CAPTURE(threshold, groups);
  const AllThresholds forced(DType::f32, threshold);
  const Conv2dOptions options{.padding = {1, 1}, .groups = groups};
  const Tensor spikes = random_spikes({2, 3, 9, 9, 32}, 0.2, 1);
  const Tensor weight = dyadic_values({3, 3, 32 / groups, 40}, 2);
  const Tensor grad = dyadic_values({2, 3, 9, 9, 40}, 4);
  const auto run = [&](bool packed) {
    Tensor x = clone(spikes).set_requires_grad(true), w = clone(weight).set_requires_grad(true);
    const Tensor y = conv2d(packed ? to_bits(x) : x, w, {}, options);
    y.backward(grad);
    return std::array{y.detach(), x.grad(), w.grad()};
  };
  const auto from_packed = run(true), from_dense = run(false);
  for (std::size_t i = 0; i < 3; ++i) CHECK(to_vector(from_packed[i]) == to_vector(from_dense[i]));
}

TEST_CASE("sparse and dense images of one batch give the bits they give alone", "[event][conv2d]") {
  // Every other image is below the threshold.
  Tensor spikes = random_spikes({6, 9, 9, 32}, 0.8, 1);
  const std::int64_t size = 9 * 9 * 32;
  for (std::int64_t image = 0; image < 6; image += 2)
    for (std::int64_t i = 0; i < size; i += 3)
      std::fill_n(spikes.mutable_data<float>() + image * size + i, 2, 0.0f);
  const Tensor bits = to_bits(spikes), weight = random_values({3, 3, 32, 40}, 2);
  CHECK(density(bits) > 0.4);
  const Tensor whole = conv2d(bits, weight, {}, {.padding = {1, 1}});
  for (std::int64_t image = 0; image < 6; ++image) {
    const Tensor one(bits.storage(), image * 9 * 9 * 8, {1, 9, 9, 32}, DType::bits);
    const Tensor expected(whole.storage(), image * 9 * 9 * 40 * 4, {1, 9, 9, 40}, DType::f32);
    CHECK(same_bits(conv2d(one, weight, {}, {.padding = {1, 1}}), expected));
  }
}

}  // namespace ranvier::test

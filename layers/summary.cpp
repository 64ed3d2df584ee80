#include "ranvier/layers/summary.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "ranvier/core/tape.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {
namespace {

double nonzero_share(const Tensor& x) {
  if (x.dtype() == DType::bits) return density(x);
  const std::vector<double> values = to_vector(x);
  const auto zeros = std::count(values.begin(), values.end(), 0.0);
  return values.empty() ? 0 : 1 - static_cast<double>(zeros) / static_cast<double>(values.size());
}

/// Multiply-adds of a product for all samples of `output`; 0 for a module that is none.
std::int64_t multiply_adds_of_batch(AnyModule& module, const Shape& output) {
  if (const Linear* linear = module.as<Linear>())
    return linear->multiply_adds(output) * (output.numel() / output[-1]);
  if (const Recurrent* recurrent = module.as<Recurrent>())
    return recurrent->multiply_adds(output) * (output.numel() / output[-1]);
  if (const Conv2d* conv = module.as<Conv2d>())
    return conv->multiply_adds(output) *
           (output.numel() / output.sub(output.rank() - 3, output.rank()).numel());
  return 0;
}

/// While alive, `network` is in evaluation mode.
class Evaluation final : public Visitor {
 public:
  explicit Evaluation(Sequential& network) { network.visit(*this); }
  ~Evaluation() override {
    for (const auto& [flag, before] : flags_) *flag = before;
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  void on_training(bool& flag) override { flags_.emplace_back(&flag, std::exchange(flag, false)); }

  std::vector<std::pair<bool*, bool>> flags_;
};

std::string with_unit(double value) {
  const char* units[] = {"", " k", " M", " G", " T"};
  int unit = 0;
  for (; value >= 1000 && unit < 4; ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}{}", value, units[unit]);
}

}  // namespace

std::vector<LayerSummary> summarise(Sequential& network, const Tensor& example,
                                    std::int64_t batch) {
  RV_CHECK(batch >= 1, "[summarise] the batch must have at least one sample; got {}.", batch);
  const Shape& shape = example.shape();
  RV_CHECK((shape.rank() > 0 && shape[0] == batch) || (shape.rank() > 1 && shape[1] == batch),
           "[summarise] the example must be [B, ...] or [T, B, ...] with B = {}; its shape is {}.",
           batch, shape);
  std::vector<LayerSummary> layers;
  const ObserverScope observing(network, [&](const Observation& seen) {
    LayerSummary layer{.name = seen.name,
                       .kind = std::string(seen.kind),
                       .output = seen.output.shape(),
                       .parameters = count_elements(ranvier::parameters(seen.module)),
                       .input_density = nonzero_share(seen.input)};
    layer.multiply_adds = multiply_adds_of_batch(seen.module, layer.output) / batch;
    // Recurrent neurons multiply their own spikes.
    const double density =
        seen.module.as<Recurrent>() ? nonzero_share(seen.output) : layer.input_density;
    layer.synaptic_operations = static_cast<double>(layer.multiply_adds) * density;
    layers.push_back(std::move(layer));
  });
  const NoGradGuard no_grad;
  const Evaluation evaluation(network);
  network(example);
  return layers;
}

std::string format_summary(const std::vector<LayerSummary>& layers) {
  constexpr const char* row = "{:<6} {:<12} {:<23} {:>11} {:>7} {:>8} {:>7}\n";
  std::string text =
      fmt::format(row, "layer", "kind", "output", "parameters", "density", "mul-adds", "SynOps");
  std::int64_t parameters = 0, multiply_adds = 0;
  double synaptic = 0;
  for (const LayerSummary& layer : layers) {
    const bool product = layer.multiply_adds > 0;
    text += fmt::format(row, layer.name, layer.kind, to_string(layer.output), layer.parameters,
                        fmt::format("{:.1f} %", 100 * layer.input_density),
                        product ? with_unit(static_cast<double>(layer.multiply_adds)) : "",
                        product ? with_unit(layer.synaptic_operations) : "");
    parameters += layer.parameters;
    multiply_adds += layer.multiply_adds;
    synaptic += layer.synaptic_operations;
  }
  return text + fmt::format(row, "total", "", "", parameters, "",
                            with_unit(static_cast<double>(multiply_adds)), with_unit(synaptic));
}

}  // namespace ranvier

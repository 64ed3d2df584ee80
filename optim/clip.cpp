#include "ranvier/optim/clip.h"

#include <cmath>

#include "ranvier/optim/detail/clip_kernels.h"
#include "ranvier/optim/detail/distinct.h"

namespace ranvier {
namespace {

struct Gradients {
  std::vector<Tensor> tensors;
  std::vector<std::string> names;  // of their parameters
  Device device = cpu_device;

  explicit Gradients(const NamedTensors& parameters) {
    for (const auto& [name, tensor] : optim::distinct(parameters)) {
      if (!tensor.grad().defined()) continue;
      tensors.push_back(tensor.grad());
      names.push_back(name);
    }
    if (!tensors.empty()) device = tensors[0].device();
  }
};

Tensor sums_of_squares(const Gradients& gradients) {
  Tensor sums = empty({static_cast<std::int64_t>(gradients.tensors.size())},
                      {.dtype = DType::f64, .device = gradients.device});
  kernel_for("grad_norm", gradients.device, optim::sums_of_squares_kernels)(gradients.tensors,
                                                                            sums);
  return sums;
}

Tensor norm_of(const Gradients& gradients) {
  Tensor norm = empty({}, {.dtype = DType::f64, .device = gradients.device});
  kernel_for("grad_norm", gradients.device, optim::norm_kernels)(sums_of_squares(gradients), norm);
  return norm;
}

void check_max_norm(double max_norm) {
  RV_CHECK(std::isfinite(max_norm) && max_norm > 0,
           "[clip_grad_norm] max_norm must be > 0 and finite; got {}.", max_norm);
}

void scale_to_norm(Gradients& gradients, const Tensor& norm, double max_norm) {
  kernel_for("clip_grad_norm", gradients.device, optim::scale_to_norm_kernels)(gradients.tensors,
                                                                               norm, max_norm);
}

// Waits for the sums.
double checked_norm(const Gradients& gradients) {
  const std::vector<double> sums = to_vector(sums_of_squares(gradients));
  double total = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!std::isfinite(sums[i]))
      fail(ErrorCode::non_finite, "[grad_norm] the gradient of '{}' has a NaN or an infinity.",
           gradients.names[i]);
    total += sums[i];
  }
  return std::sqrt(total);
}

}  // namespace

double grad_norm(const NamedTensors& parameters) { return checked_norm(Gradients(parameters)); }

double clip_grad_norm(const NamedTensors& parameters, double max_norm) {
  check_max_norm(max_norm);
  Gradients gradients(parameters);
  const double norm = checked_norm(gradients);
  scale_to_norm(gradients, scalar(norm, {.dtype = DType::f64, .device = gradients.device}),
                max_norm);
  return norm;
}

Tensor grad_norm_on_device(const NamedTensors& parameters) {
  return norm_of(Gradients(parameters));
}

Tensor clip_grad_norm_on_device(const NamedTensors& parameters, double max_norm) {
  check_max_norm(max_norm);
  Gradients gradients(parameters);
  const Tensor norm = norm_of(gradients);
  scale_to_norm(gradients, norm, max_norm);
  return norm;
}

void clip_grad_value(const NamedTensors& parameters, double limit) {
  RV_CHECK(std::isfinite(limit) && limit > 0,
           "[clip_grad_value] limit must be > 0 and finite; got {}.", limit);
  Gradients gradients(parameters);
  kernel_for("clip_grad_value", gradients.device, optim::clamp_kernels)(gradients.tensors,
                                                                        static_cast<float>(limit));
}

}  // namespace ranvier

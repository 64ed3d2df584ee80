// What the losses need of a device. Logits, predictions and what is made of them are f32 or f64;
// labels were checked on the CPU, but may hold anything on a CUDA device.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Writes log(sum exp) of each row of logits [B, C] to `log_sums`, f64 [B], and the mean loss to
/// `mean`, a scalar of the logits' dtype.
using CrossEntropyKernel = void(const Tensor& logits, const Tensor& labels, double smoothing,
                                Tensor& log_sums, Tensor& mean);
extern DeviceKernels<CrossEntropyKernel> cross_entropy_kernels;

/// result = grad / B (softmax(logits) - target), `grad` being the scalar that reached the loss.
using CrossEntropyBackwardKernel = void(const Tensor& grad, const Tensor& logits,
                                        const Tensor& labels, const Tensor& log_sums,
                                        double smoothing, Tensor& result);
extern DeviceKernels<CrossEntropyBackwardKernel> cross_entropy_backward_kernels;

/// Writes to `count`, an i64 scalar, how many rows of scores [B, C] are largest at their label.
using CorrectKernel = void(const Tensor& scores, const Tensor& labels, Tensor& count);
extern DeviceKernels<CorrectKernel> correct_kernels;

/// Adds B times `loss`, a scalar of the scores' dtype, and that number to `totals`, f64 [2].
using AddToTotalsKernel = void(const Tensor& loss, const Tensor& scores, const Tensor& labels,
                               Tensor& totals);
extern DeviceKernels<AddToTotalsKernel> add_to_totals_kernels;

/// mean = mean of (prediction - target)^2
using MseLossKernel = void(const Tensor& prediction, const Tensor& target, Tensor& mean);
extern DeviceKernels<MseLossKernel> mse_loss_kernels;

/// result = 2 grad / n (a - b), `grad` being the scalar that reached the loss of n elements.
using MseLossBackwardKernel = void(const Tensor& grad, const Tensor& a, const Tensor& b,
                                   Tensor& result);
extern DeviceKernels<MseLossBackwardKernel> mse_loss_backward_kernels;

/// Overwrites `targets`, f32 [B, C].
using OneHotKernel = void(const Tensor& labels, Tensor& targets);
extern DeviceKernels<OneHotKernel> one_hot_kernels;

/// y = softmax(x) over the last axis, or its logarithm.
using SoftmaxKernel = void(const Tensor& x, bool logarithm, Tensor& y);
extern DeviceKernels<SoftmaxKernel> softmax_kernels;

/// The gradient of x from that of y, the result of `SoftmaxKernel`.
using SoftmaxBackwardKernel = void(const Tensor& grad, const Tensor& y, bool logarithm,
                                   Tensor& result);
extern DeviceKernels<SoftmaxBackwardKernel> softmax_backward_kernels;

}  // namespace ranvier::detail

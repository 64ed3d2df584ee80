// What training makes small: cross entropy, mean squared error; and what it is judged by. 16-bit
// floats count as f32.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

struct CrossEntropyOptions {
  double label_smoothing = 0;  ///< eps, in [0, 1]: targets are (1 - eps) one-hot + eps / C
};

/// The mean over the batch of -sum target log(softmax(logits)), for logits [B, C], f32 or f64, and
/// class indices `labels` [B], i64; a scalar on their device. Errors: other shapes or dtypes; an
/// empty batch or no classes; a label outside [0, C) (says where). On a CUDA device labels are not
/// looked at before they are used: one outside [0, C) makes the loss NaN, and its row's gradient.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels,
                     const CrossEntropyOptions& options = {});

/// The mean of (prediction - target)^2 over all elements, f32 or f64; a scalar, differentiable in
/// both. Errors: shapes or dtypes that differ; no elements.
Tensor mse_loss(const Tensor& prediction, const Tensor& target);

/// How many rows of scores [B, C] are largest at their label, of equal scores the first counts, and
/// NaN is larger than none: an i64 scalar on their device. Errors as `cross_entropy`, but that the
/// batch may be empty; on a CUDA device a label outside [0, C) is never correct.
Tensor correct(const Tensor& scores, const Tensor& labels);

/// Adds what a batch achieved to `totals`, f64 [2] on the device of the scores: the sum of its
/// samples' losses, of which `loss`, an f32 or f64 scalar, is the mean, and the number that
/// `correct` counts. One launch on a CUDA device. Errors as `correct`; other shapes or dtypes.
void add_to_totals(const Tensor& loss, const Tensor& scores, const Tensor& labels, Tensor& totals);

/// The number that `correct` counts; waits for the device. Errors as `correct`.
std::int64_t count_correct(const Tensor& scores, const Tensor& labels);

}  // namespace ranvier

// Batch normalisation of the last axis (Ioffe and Szegedy 2015):
// y = gamma (x - mean) / sqrt(variance + eps) + beta, with one mean and variance per channel.
//
// The parts of forward are public, so that others compute with the very same numbers:
// batch_statistics -> batch_affine -> y = fma(x, scale, shift).
#pragma once

#include <cstdint>
#include <memory>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Where mean and variance come from while training.
enum class BatchNormMode : std::uint8_t {
  batch,   ///< all of x
  step,    ///< each step of x [T, ...] on its own: the same as passing x[0], x[1], ... in turn
  frozen,  ///< the running statistics, which stay as they are
};

/// What evaluation normalises with: f64 for x in f64, else f32, [C]; the variance is the unbiased
/// one.
struct RunningStatistics {
  Tensor mean;
  Tensor variance;

  bool defined() const { return mean.defined(); }
};

/// Mean and biased variance of each channel, f64 [groups, C].
struct BatchStatistics {
  Tensor mean;
  Tensor variance;
  std::int64_t count = 0;  ///< values behind each; 0: not taken from x, so no gradient flows back
};

/// The ranks that each hold a part of x, where several share the work. All of them normalise their
/// parts at the same time.
class BatchNormRanks {
 public:
  virtual ~BatchNormRanks() = default;
  /// How many there are.
  virtual int count() const = 0;
  /// Values behind each statistic that all have together, of which this one has `own`.
  virtual std::int64_t values_of_all(std::int64_t own) const = 0;
  /// Adds f64 `values` up over the ranks in place: the same bits on each.
  virtual void add_up(Tensor& values) = 0;
  /// Moves `running` along by the statistics of each group in turn, unless these ranks hold
  /// different steps; then at the end of the training step, when the statistics of all are known.
  virtual void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                            double momentum);
};

struct BatchNormOptions {
  double momentum = 0.1;  ///< running = (1 - momentum) running + momentum batch, in [0, 1]
  double eps = 1e-5;      ///< added to the variance, > 0
  bool training = true;   ///< false: normalise with the running statistics
  BatchNormMode mode = BatchNormMode::batch;
  /// Null: x is all there is. Otherwise statistics are those of all ranks' x together, and the same
  /// to rounding as those of one rank that holds it all.
  std::shared_ptr<BatchNormRanks> ranks{};
};

/// Normalises x [..., C], of any floating dtype, and moves `running` along while training (unless
/// it is undefined). An undefined gamma [C] stands for 1, an undefined beta [C] for 0; they are f64
/// for x in f64, else f32. The result has the dtype of x. Differentiable in x, gamma and beta.
/// Errors: shapes, dtypes or options outside the above; training on fewer than two values per
/// channel, of all ranks together; running statistics that are needed and undefined.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                  const RunningStatistics& running, const BatchNormOptions& options = {});

/// Statistics of x [..., C] in one pass, over all axes but the last; with `groups` > 1, which
/// divides the first axis, of as many equal parts of it. Depends on x alone, not on threads.
BatchStatistics batch_statistics(const Tensor& x, std::int64_t groups = 1);

/// scale = gamma / sqrt(variance + eps), shift = beta - mean scale: `dtype`, [groups, C].
struct BatchAffine {
  Tensor scale;
  Tensor shift;
};
BatchAffine batch_affine(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                         double eps, DType dtype);

/// Moves `running` towards the statistics of each group in turn.
void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                  double momentum);

/// y = fma(x, scale, shift) in the dtype of x, outside the graph; the first axis of x is cut into
/// as many groups as `affine` has.
Tensor apply_batch_affine(const Tensor& x, const BatchAffine& affine);

}  // namespace ranvier

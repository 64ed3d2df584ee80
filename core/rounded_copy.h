// 16-bit copies of weights that live as long as the weights.
//
// To round all weights before every product would read and write them once more in each step. A
// copy is kept beside the array instead; it is made anew where the array was written since, and an
// optimizer on a CUDA device writes both in one pass.
#pragma once

#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `weight`, f32, rounded to bf16 or f16: the copy that is kept beside its array, up to date. It
/// is only to be read, and holds until the weight is written. Outside the graph of gradients.
Tensor rounded_copy(const Tensor& weight, DType dtype);

namespace detail {

/// What storage keeps: a copy, and the version of the array that it was made of.
struct RoundedCopy {
  Tensor values;
  std::uint64_t version;
};

/// The copy that is kept of `weight`, to be written along with it; undefined if there is none.
Tensor kept_copy(const Tensor& weight);
/// Says that the kept copy holds what `weight` now holds.
void mark_renewed(const Tensor& weight);

/// Copies that recorded work reads: they have to be up to date whenever it is launched.
class RecordedCopies {
 public:
  /// While alive, copies that this thread asks for are added.
  class Recording {
   public:
    explicit Recording(RecordedCopies& copies);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
  };

  /// Makes those copies anew whose weights were written since.
  void renew() const;

 private:
  friend Tensor ranvier::rounded_copy(const Tensor& weight, DType dtype);
  std::vector<Tensor> weights_;
};

}  // namespace detail
}  // namespace ranvier

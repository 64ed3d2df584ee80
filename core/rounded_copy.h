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

/// The copy that is kept of `weight`, to be written along with it; undefined if there is none, or
/// none that is up to date.
Tensor kept_copy(const Tensor& weight);
/// Says that work which was just asked for writes `weight`, and the copy that is kept of it if it
/// is `with_copy`, or neither. Recorded work does so at each launch.
void mark_written(const Tensor& weight, bool with_copy);

/// Copies of the weights that recorded work reads or writes. Those that it reads have to be up to
/// date whenever it is launched, and no other copy is once it has written the weight. They live as
/// long as the work does, though the weight may be given another one.
class RecordedCopies {
 public:
  /// While alive, weights whose copies this thread asks for or which it writes are added.
  class Recording {
   public:
    explicit Recording(RecordedCopies& copies);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
  };

  /// Before each launch: makes those copies anew whose weights were written since, and counts what
  /// the launch writes.
  void renew() const;

 private:
  friend Tensor ranvier::rounded_copy(const Tensor& weight, DType dtype);
  friend void mark_written(const Tensor& weight, bool with_copy);
  struct Use {
    Tensor weight;
    std::shared_ptr<RoundedCopy> copy;  // null: none is written
  };
  std::vector<Use> read_, written_;
};

}  // namespace detail
}  // namespace ranvier

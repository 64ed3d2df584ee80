// A dense product that one thread runs again and again with one B.
#pragma once

#include <memory>

#include "ranvier/core/storage.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::detail {

namespace onednn {
struct Primitive;
class Run;
}  // namespace onednn

/// C[m, n] = A[m, k] B[k, n] in f32, with B packed once; a run looks nothing up and takes no
/// memory. Serial. On processors with AVX-512 a row of C does not depend on the number of rows.
class PackedGemm {
 public:
  /// `spec` tells how A and B are stored; `b` is read here and not kept.
  PackedGemm(const Gemm& spec, const float* b);
  ~PackedGemm();
  PackedGemm(PackedGemm&&) noexcept;

  void operator()(const float* a, float* c);

 private:
  std::shared_ptr<const onednn::Primitive> primitive_;
  std::unique_ptr<Storage> packed_, scratchpad_;
  std::unique_ptr<onednn::Run> run_;
};

}  // namespace ranvier::detail

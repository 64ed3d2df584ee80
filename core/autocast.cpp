#include "ranvier/core/autocast.h"

#include "ranvier/core/error.h"

namespace ranvier {
namespace {

thread_local DType compute_dtype = DType::f32;

}  // namespace

bool bf16_supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
}

AutocastGuard::AutocastGuard(DType compute) : previous_(compute_dtype) {
  RV_CHECK(compute == DType::f32 || compute == DType::bf16,
           "[autocast] the compute dtype must be f32 or bf16; got {}.", compute);
  if (compute == DType::bf16 && !bf16_supported())
    fail(ErrorCode::device,
         "[autocast] this processor does not multiply bf16 (no AVX-512 BF16); use f32.");
  compute_dtype = compute;
}

AutocastGuard::~AutocastGuard() { compute_dtype = previous_; }

DType autocast_dtype() { return compute_dtype; }

}  // namespace ranvier

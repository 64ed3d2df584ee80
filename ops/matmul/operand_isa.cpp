#include "ranvier/ops/matmul/detail/operand_isa.h"

namespace ranvier::detail::RV_ISA_NAMESPACE {
namespace {

void round_to_bf16(const float* values, std::int64_t number, std::uint16_t* rounded) {
#pragma omp simd
  for (std::int64_t i = 0; i < number; ++i) rounded[i] = to_bfloat16(values[i]).raw;
}

void round_through_bf16(const float* values, std::int64_t number, float* rounded) {
#pragma omp simd
  for (std::int64_t i = 0; i < number; ++i) rounded[i] = to_float(to_bfloat16(values[i]));
}

}  // namespace

extern const OperandKernels operand_kernels{.round_to_bf16 = round_to_bf16,
                                            .round_through_bf16 = round_through_bf16};

}  // namespace ranvier::detail::RV_ISA_NAMESPACE

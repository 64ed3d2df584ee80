// Plans and runs products. cuBLASLt's matrices are column-major, so ours look transposed to it and
// C^T = B^T A^T is what it is asked for: B is its first operand, A its second, nothing is copied,
// and a bias along our columns is the one along rows that it adds for free.
#include "ranvier/ops/matmul/detail/cublaslt.h"

#include <cublasLt.h>

#include <map>
#include <memory>
#include <mutex>

#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/matmul/detail/narrow.h"
#include "ranvier/ops/matmul/detail/split.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Gemm;

void check(const char* op, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(ErrorCode::device, "[{}] cuBLASLt reports: {} ({}).", op, cublasLtGetStatusString(status),
         cublasLtGetStatusName(status));
}

// Owns a descriptor of cuBLASLt.
template <class T, cublasStatus_t (*destroy)(T)>
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (made_ != nullptr) destroy(made_);
  }
  T* put() { return &made_; }
  operator T() const { return made_; }

 private:
  T made_ = nullptr;
};

using Operation = Descriptor<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Descriptor<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Descriptor<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

// What a plan depends on.
struct Key {
  int device = 0;
  Gemm spec;
  DType result = DType::f32;
  bool tf32 = false;
  bool bias = false;
  std::uint32_t a_alignment = 0, b_alignment = 0, c_alignment = 0;

  auto operator<=>(const Key&) const = default;
};

struct Plan {
  Operation operation;
  Layout first, second, result;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace_bytes = 0;
  bool adds_bias = false;
  bool exists = true;  // or else cuBLASLt cannot write such a 16-bit result
};

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return CUDA_R_64F;
    case DType::f16:
      return CUDA_R_16F;
    case DType::bf16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
  }
}

cublasComputeType_t compute_type(const Key& key) {
  if (key.spec.compute == DType::f64) return CUBLAS_COMPUTE_64F;
  return key.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

// The largest power of two up to 256 that divides an address.
std::uint32_t alignment_of(const void* array) {
  const auto address = reinterpret_cast<std::uintptr_t>(array) | 256;
  return static_cast<std::uint32_t>(address & (~address + 1));
}

cublasLtHandle_t handle(const char* op, int device) {
  static std::map<int, cublasLtHandle_t>& handles = *new std::map<int, cublasLtHandle_t>;
  cublasLtHandle_t& made = handles[device];
  if (made == nullptr) check(op, cublasLtCreate(&made));
  return made;
}

// A matrix that we store as [rows, columns].
void make_layout(const char* op, Layout& layout, DType dtype, std::int64_t rows,
                 std::int64_t columns) {
  check(op, cublasLtMatrixLayoutCreate(layout.put(), data_type(dtype),
                                       static_cast<std::uint64_t>(columns),
                                       static_cast<std::uint64_t>(rows), columns));
}

template <class T>
void set(const char* op, Operation& operation, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  check(op, cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof(value)));
}

void make_operation(const char* op, const Key& key, Plan& plan) {
  const Gemm& g = key.spec;
  const bool f64 = g.compute == DType::f64;
  check(op, cublasLtMatmulDescCreate(plan.operation.put(), compute_type(key),
                                     f64 ? CUDA_R_64F : CUDA_R_32F));
  const cublasOperation_t turn = CUBLAS_OP_T;
  if (g.transpose_b) set(op, plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, turn);
  if (g.transpose_a) set(op, plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, turn);
  make_layout(op, plan.first, g.compute, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n);
  make_layout(op, plan.second, g.compute, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k);
  make_layout(op, plan.result, key.result, g.m, g.n);
}

// Limits of the search: memory, alignment, and no sums in an order that varies (atomic additions
// into the result).
void make_preference(const char* op, const Key& key, Preference& preference) {
  check(op, cublasLtMatmulPreferenceCreate(preference.put()));
  const auto limit = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(op, cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)));
  };
  limit(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::size_t{32} << 20);
  limit(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  limit(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.b_alignment);
  limit(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.a_alignment);
  limit(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.c_alignment);
  limit(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.c_alignment);
}

// True if cuBLASLt has an algorithm for the plan, which is chosen.
bool choose_algorithm(cublasLtHandle_t handle, const Preference& preference, Plan& plan) {
  cublasLtMatmulHeuristicResult_t found{};
  int number = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, plan.operation, plan.first, plan.second, plan.result,
                                     plan.result, preference, 1, &found, &number);
  if (status != CUBLAS_STATUS_SUCCESS || number == 0 || found.state != CUBLAS_STATUS_SUCCESS)
    return false;
  plan.algorithm = found.algo;
  plan.workspace_bytes = found.workspaceSize;
  return true;
}

std::unique_ptr<Plan> make_plan(const char* op, const Key& key, const void* bias) {
  auto plan = std::make_unique<Plan>();
  make_operation(op, key, *plan);
  Preference preference;
  make_preference(op, key, preference);
  const cublasLtHandle_t with = handle(op, key.device);
  if (key.bias) {
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    plan->adds_bias = choose_algorithm(with, preference, *plan);
    if (plan->adds_bias) return plan;
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  }
  plan->exists = choose_algorithm(with, preference, *plan);
  if (!plan->exists && (key.result == DType::f32 || key.result == DType::f64))
    fail(ErrorCode::device, "[{}] cuBLASLt has no algorithm for ({}, {}) by ({}, {}) in {}.", op,
         key.spec.m, key.spec.k, key.spec.k, key.spec.n, key.spec.compute);
  return plan;
}

}  // namespace

void product(const char* op, const Gemm& spec, const Tensor& a, const Tensor& b, const Tensor& bias,
             Tensor& c) {
  if (c.numel() == 0) return;
  if (spec.k == 0) return fill_rows(op, bias, c);
  const Device device = c.device();
  const cudaStream_t on = stream(device);
  if (narrow_product(op, spec, a, b, bias, c) || split_product(op, spec, a, b, bias, c)) return;
  const bool f64 = spec.compute == DType::f64;
  const void* const a_data = a.raw_data();
  const void* const b_data = b.raw_data();
  void* const c_data = c.mutable_raw_data();
  // cuBLASLt adds biases of the result's dtype, and none of f64.
  const bool may_add = bias.defined() && !f64;
  const Tensor added = may_add ? ranvier::detail::product_weight(bias, c.dtype()) : Tensor();
  const void* const bias_data = may_add ? added.raw_data() : nullptr;
  const Key key{.device = device.index,
                .spec = spec,
                .result = c.dtype(),
                .tf32 = spec.compute == DType::f32 && tf32(),
                .bias = bias_data != nullptr,
                .a_alignment = alignment_of(a_data),
                .b_alignment = alignment_of(b_data),
                .c_alignment = alignment_of(c_data)};

  static std::mutex mutex;  // also for the bias that a plan points to while it is launched
  static auto& plans = *new std::map<Key, std::unique_ptr<Plan>>;
  constexpr std::size_t capacity = 1024;  // shapes that vary without end do not fill memory
  std::unique_lock lock(mutex);
  if (plans.size() >= capacity && !plans.contains(key)) plans.clear();
  std::unique_ptr<Plan>& plan = plans[key];
  if (plan == nullptr) plan = make_plan(op, key, bias_data);
  if (!plan->exists) {
    lock.unlock();
    Tensor wide = empty(c.shape(), {.device = device});
    product(op, spec, a, b, bias, wide);
    return kernel_for(op, device, ranvier::detail::convert_kernels)(wide, c);
  }
  if (plan->adds_bias) set(op, plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias_data);

  const Storage workspace(plan->workspace_bytes, device);
  const float one = 1, zero = 0;
  const double one_f64 = 1, zero_f64 = 0;
  const void* const alpha = f64 ? static_cast<const void*>(&one_f64) : &one;
  const void* const beta = f64 ? static_cast<const void*>(&zero_f64) : &zero;
  check(op, cublasLtMatmul(handle(op, device.index), plan->operation, alpha, b_data, plan->first,
                           a_data, plan->second, beta, c_data, plan->result, c_data, plan->result,
                           &plan->algorithm, workspace.data(), plan->workspace_bytes, on));
  finish_launch(op, on);
  if (bias.defined() && !plan->adds_bias) add_to_rows(op, bias, c);
}

}  // namespace ranvier::cuda

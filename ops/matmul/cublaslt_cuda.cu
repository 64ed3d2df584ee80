// Plans and runs products. cuBLASLt's matrices are column-major, so ours look transposed to it and
// C^T = B^T A^T is what it is asked for: B is its first operand, A its second, nothing is copied,
// and a bias along our columns is the one along rows that it adds for free. Likewise the sums of B
// over its rows, the gradient of a bias in a product that gives the gradient of a weight, are what
// it calls the bias gradient of its first operand.
#include "ranvier/ops/matmul/detail/cublaslt.h"

#include <cublasLt.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "ranvier/core/autocast.h"
#include "ranvier/core/autotune.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_timing.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/matmul/detail/narrow.h"

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
  bool tf32 = false, timed = false;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;  // asked for
  std::uint32_t a_alignment = 0, b_alignment = 0, c_alignment = 0, vector_alignment = 0;

  auto operator<=>(const Key&) const = default;
};

// An algorithm and the memory it needs.
struct Choice {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

struct Plan {
  Operation operation;
  Layout first, second, result;
  std::vector<Choice> choices;  // the first is used; none: there is no such 16-bit result
  bool extended = false;        // has the epilogue that was asked for
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

constexpr int most_choices = 16;

// Takes the first `most` algorithms that cuBLASLt has for the plan, if it has any.
void choose_algorithms(cublasLtHandle_t handle, const Preference& preference, int most,
                       Plan& plan) {
  cublasLtMatmulHeuristicResult_t found[most_choices] = {};
  int number = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, plan.operation, plan.first, plan.second, plan.result,
                                     plan.result, preference, most, found, &number);
  if (status != CUBLAS_STATUS_SUCCESS) return;
  for (int i = 0; i < number; ++i)
    if (found[i].state == CUBLAS_STATUS_SUCCESS)
      plan.choices.push_back({found[i].algo, found[i].workspaceSize});
}

// With the epilogue that is asked for and its vector, if cuBLASLt has one and `extended`.
std::unique_ptr<Plan> make_plan(const char* op, const Key& key, const void* vector, bool extended) {
  auto plan = std::make_unique<Plan>();
  make_operation(op, key, *plan);
  Preference preference;
  make_preference(op, key, preference);
  const cublasLtHandle_t with = handle(op, key.device);
  const int most = key.timed ? most_choices : 1;
  if (extended && key.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, key.epilogue);
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
    choose_algorithms(with, preference, most, *plan);
    plan->extended = !plan->choices.empty();
    if (plan->extended) return plan;
    set(op, plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  }
  choose_algorithms(with, preference, most, *plan);
  if (plan->choices.empty() && (key.result == DType::f32 || key.result == DType::f64))
    fail(ErrorCode::device, "[{}] cuBLASLt has no algorithm for ({}, {}) by ({}, {}) in {}.", op,
         key.spec.m, key.spec.k, key.spec.k, key.spec.n, key.spec.compute);
  return plan;
}

// What a plan launches with.
struct Operands {
  const void* a;
  const void* b;
  const void* vector;  // the bias, or where the sums go; null for none
  void* c;
};

cublasStatus_t run(const char* op, const Key& key, const Plan& plan, const Choice& choice,
                   const Operands& arrays, cudaStream_t on) {
  const Storage workspace(choice.workspace_bytes, Device{DeviceType::cuda, key.device});
  const float one = 1, zero = 0;
  const double one_f64 = 1, zero_f64 = 0;
  const bool f64 = key.spec.compute == DType::f64;
  const void* const alpha = f64 ? static_cast<const void*>(&one_f64) : &one;
  const void* const beta = f64 ? static_cast<const void*>(&zero_f64) : &zero;
  return cublasLtMatmul(handle(op, key.device), plan.operation, alpha, arrays.b, plan.first,
                        arrays.a, plan.second, beta, arrays.c, plan.result, arrays.c, plan.result,
                        &choice.algorithm, workspace.data(), choice.workspace_bytes, on);
}

// What is left to do of a product.
struct Outcome {
  bool exists;    // or else nothing is done
  bool extended;  // the epilogue that was asked for has run
};

Outcome run_planned(const char* op, const Key& key, const Operands& arrays, cudaStream_t on) {
  static std::mutex mutex;  // also for the vector that a plan points to while it is launched
  static auto& plans = *new std::map<Key, std::unique_ptr<Plan>>;
  constexpr std::size_t capacity = 1024;  // shapes that vary without end do not fill memory
  const std::scoped_lock lock(mutex);
  if (plans.size() >= capacity && !plans.contains(key)) plans.clear();
  std::unique_ptr<Plan>& plan = plans[key];
  const auto run_choice = [&](const Choice& choice) {
    return run(op, key, *plan, choice, arrays, on);
  };
  const auto make = [&](const void* vector, bool extended) {
    plan = make_plan(op, key, vector, extended);
    fastest_first(op, on, plan->choices, [&](const Choice& choice) {
      return run_choice(choice) == CUBLAS_STATUS_SUCCESS;
    });
  };
  if (plan == nullptr) make(arrays.vector, true);
  if (plan->choices.empty()) return {false, false};
  if (plan->extended) set(op, plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, arrays.vector);
  cublasStatus_t status = run_choice(plan->choices.front());
  if (plan->extended && status == CUBLAS_STATUS_NOT_SUPPORTED) {
    make(nullptr, false);  // the heuristic found what does not exist
    if (plan->choices.empty()) return {false, false};
    status = run_choice(plan->choices.front());
  }
  check(op, status);
  finish_launch(op, on);
  return {true, plan->extended};
}

// The product, with a bias or with sums of b, or with neither.
void multiply(const char* op, const Gemm& spec, const Tensor& a, const Tensor& b,
              const Tensor& bias, Tensor& c, Tensor& sums) {
  if (c.numel() == 0 || spec.k == 0) {
    if (c.numel() != 0) fill_rows(op, bias, c);
    if (sums.defined()) column_sums(op, b, spec.k, sums);
    return;
  }
  if (narrow_product(op, spec, a, b, bias, c, sums)) return;
  const Device device = c.device();
  const cudaStream_t on = stream(device);
  // cuBLASLt adds biases of the result's dtype and none of f64. It sums up 16-bit operands, but not
  // while it shares out the sum of each product over blocks, as small results want it.
  constexpr std::int64_t least_result = std::int64_t{1} << 19;
  const bool adds_bias = bias.defined() && spec.compute != DType::f64;
  const bool adds_up = sums.defined() && c.numel() >= least_result &&
                       (b.dtype() == DType::bf16 || b.dtype() == DType::f16);
  const Tensor added = adds_bias ? ranvier::detail::product_weight(bias, c.dtype()) : Tensor();
  const Operands arrays{.a = a.raw_data(),
                        .b = b.raw_data(),
                        .vector = adds_bias ? added.raw_data()
                                  : adds_up ? sums.mutable_raw_data()
                                            : nullptr,
                        .c = c.mutable_raw_data()};
  const Key key{.device = device.index,
                .spec = spec,
                .result = c.dtype(),
                .tf32 = spec.compute == DType::f32 && tf32(),
                .timed = autotune(),
                .epilogue = adds_bias ? CUBLASLT_EPILOGUE_BIAS
                            : adds_up ? CUBLASLT_EPILOGUE_BGRADA
                                      : CUBLASLT_EPILOGUE_DEFAULT,
                .a_alignment = alignment_of(arrays.a),
                .b_alignment = alignment_of(arrays.b),
                .c_alignment = alignment_of(arrays.c),
                .vector_alignment = alignment_of(arrays.vector)};
  const Outcome outcome = run_planned(op, key, arrays, on);
  if (!outcome.exists) {
    Tensor wide = empty(c.shape(), {.device = device});
    multiply(op, spec, a, b, bias, wide, sums);
    return kernel_for(op, device, ranvier::detail::convert_kernels)(wide, c);
  }
  if (outcome.extended) return;
  if (bias.defined()) add_to_rows(op, bias, c);
  if (sums.defined()) column_sums(op, b, spec.k, sums);
}

}  // namespace

void product(const char* op, const Gemm& spec, const Tensor& a, const Tensor& b, const Tensor& bias,
             Tensor& c) {
  Tensor none;
  multiply(op, spec, a, b, bias, c, none);
}

void product_and_sums(const char* op, const Gemm& spec, const Tensor& a, const Tensor& b, Tensor& c,
                      Tensor& sums) {
  multiply(op, spec, a, b, {}, c, sums);
}

}  // namespace ranvier::cuda

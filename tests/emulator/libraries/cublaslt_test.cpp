// What emulated cuBLASLt computes and what it refuses.
#include <cublasLt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "tests/support/catch.h"

namespace {

struct Types {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F, factors = CUDA_R_32F, result = CUDA_R_32F;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
};

/// Of device 0; kept, for it cannot be destroyed here.
cublasLtHandle_t handle() {
  static const cublasLtHandle_t made = [] {
    cublasLtHandle_t created = nullptr;
    cublasLtCreate(&created);
    return created;
  }();
  return made;
}

/// d [n] = A^T b, of f32 unless the types are others.
class TestProduct {
 public:
  TestProduct(std::uint64_t n, std::uint64_t depth, const Types& types = {}) {
    cublasLtMatmulDescCreate(&operation_, types.compute, types.scale);
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, types.epilogue);
    const auto leading = static_cast<std::int64_t>(depth);
    cublasLtMatrixLayoutCreate(&a_, types.factors, depth, n, leading);
    cublasLtMatrixLayoutCreate(&b_, types.factors, depth, 1, leading);
    cublasLtMatrixLayoutCreate(&d_, types.result, n, 1, static_cast<std::int64_t>(n));
    cublasLtMatmulPreferenceCreate(&preference_);
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, sizeof(workspace));
    for (const auto alignment :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      prefer(alignment, std::uint32_t{4});
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  }
  ~TestProduct() {
    cudaStreamDestroy(stream);
    cublasLtMatmulPreferenceDestroy(preference_);
    for (const cublasLtMatrixLayout_t layout : {a_, b_, d_}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(operation_);
  }
  TestProduct(const TestProduct&) = delete;
  TestProduct& operator=(const TestProduct&) = delete;

  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    REQUIRE(cublasLtMatmulDescSetAttribute(operation_, attribute, &value, sizeof(value)) ==
            CUBLAS_STATUS_SUCCESS);
  }
  template <class T>
  void prefer(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    REQUIRE(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof(value)) ==
            CUBLAS_STATUS_SUCCESS);
  }
  cublasStatus_t search() {
    int number = 0;
    return cublasLtMatmulAlgoGetHeuristic(handle(), operation_, a_, b_, d_, d_, preference_, 1,
                                          &found, &number);
  }
  cublasStatus_t run(const float* a, const float* b, float* d) {
    const float one = 1, zero = 0;
    const cublasStatus_t status = cublasLtMatmul(handle(), operation_, &one, a, a_, b, b_, &zero, d,
                                                 d_, d, d_, &found.algo, memory, bytes, stream);
    cudaStreamSynchronize(stream);
    return status;
  }

  cublasLtMatmulHeuristicResult_t found{};
  cudaStream_t stream = nullptr;
  alignas(256) std::byte workspace[4096];
  void* memory = workspace;
  std::size_t bytes = sizeof(workspace);

 private:
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, d_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

/// The results of several runs of one product of many terms, with sums as `mask` allows.
std::set<float> results_of_runs(std::uint32_t mask) {
  constexpr std::size_t depth = 1000;
  std::vector<float> a(depth), b(depth, 1.0f);
  for (std::size_t i = 0; i < depth; ++i) a[i] = std::sin(static_cast<float>(i * i));
  TestProduct product(1, depth);
  product.prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, mask);
  REQUIRE(product.search() == CUBLAS_STATUS_SUCCESS);
  std::set<float> results;
  for (int i = 0; i < 20; ++i) {
    float d = 0;
    REQUIRE(product.run(a.data(), b.data(), &d) == CUBLAS_STATUS_SUCCESS);
    results.insert(d);
  }
  return results;
}

}  // namespace

TEST_CASE("cuBLASLt's heuristic adds up as the mask and the workspace allow") {
  struct Expected {
    std::uint32_t mask;
    std::size_t most_workspace;
    cublasLtReductionScheme_t reduction;
  };
  const Expected cases[] = {{7, 4096, CUBLASLT_REDUCTION_SCHEME_INPLACE},
                            {6, 4096, CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE},
                            {3, 4096, CUBLASLT_REDUCTION_SCHEME_INPLACE},
                            {2, 4096, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE},
                            {0, 4096, CUBLASLT_REDUCTION_SCHEME_NONE},
                            {7, 0, CUBLASLT_REDUCTION_SCHEME_NONE}};
  for (const Expected& expected : cases) {
    TestProduct product(2, 3);
    product.prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, expected.mask);
    product.prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, expected.most_workspace);
    REQUIRE(product.search() == CUBLAS_STATUS_SUCCESS);
    CHECK(product.found.algo.reduction == expected.reduction);
    const bool parts = expected.reduction != CUBLASLT_REDUCTION_SCHEME_NONE;
    CHECK((product.found.workspaceSize > 0) == parts);
  }
  TestProduct product(2, 3);  // of which nothing is asked
  REQUIRE(product.search() == CUBLAS_STATUS_SUCCESS);
  CHECK(product.found.algo.reduction == CUBLASLT_REDUCTION_SCHEME_INPLACE);
}

TEST_CASE("cuBLASLt adds parts of sums in an order that varies if they may meet in the result") {
  CHECK(results_of_runs(CUBLASLT_REDUCTION_SCHEME_INPLACE).size() > 1);
  CHECK(results_of_runs(CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE).size() == 1);
  CHECK(results_of_runs(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE).size() == 1);
  CHECK(results_of_runs(CUBLASLT_REDUCTION_SCHEME_NONE).size() == 1);
}

TEST_CASE("cuBLASLt takes types that go together") {
  const auto f32 = CUDA_R_32F, f64 = CUDA_R_64F, f16 = CUDA_R_16F, bf16 = CUDA_R_16BF;
  const auto in_f32 = CUBLAS_COMPUTE_32F, in_f64 = CUBLAS_COMPUTE_64F;
  const auto in_tf32 = CUBLAS_COMPUTE_32F_FAST_TF32;
  const auto bias = CUBLASLT_EPILOGUE_BIAS, sums = CUBLASLT_EPILOGUE_BGRADA;
  const Types taken[] = {{in_f32, f32, f32, f32},         {in_tf32, f32, f32, f32},
                         {in_f64, f64, f64, f64},         {in_f32, f32, f16, f16},
                         {in_f32, f32, bf16, bf16},       {in_f32, f32, f16, f32},
                         {in_f32, f32, bf16, f32, bias},  {in_f32, f32, f32, f32, bias},
                         {in_f32, f32, bf16, bf16, bias}, {in_f32, f32, f16, f32, sums}};
  const Types refused[] = {{in_f32, f32, f64, f64},       {in_f64, f64, f32, f32},
                           {in_f64, f32, f64, f64},       {in_f32, f64, f32, f32},
                           {in_tf32, f32, f16, f16},      {in_tf32, f32, bf16, f32},
                           {in_f32, f32, f16, bf16},      {in_f32, f32, f32, f16},
                           {in_f64, f64, f64, f64, bias}, {in_f32, f32, f32, f32, sums}};
  for (const Types& types : taken)
    CHECK(TestProduct(2, 3, types).search() == CUBLAS_STATUS_SUCCESS);
  for (const Types& types : refused)
    CHECK(TestProduct(2, 3, types).search() == CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_CASE("cuBLASLt refuses arrays that its algorithm does not take") {
  alignas(256) float a[16] = {}, b[16] = {}, d[16] = {}, bias[8] = {};
  TestProduct product(2, 3, {.epilogue = CUBLASLT_EPILOGUE_BIAS});
  product.prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t{16});
  product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias + 4));
  REQUIRE(product.search() == CUBLAS_STATUS_SUCCESS);
  CHECK(product.run(a, b, d) == CUBLAS_STATUS_SUCCESS);
  SECTION("aligned less than the preference says") {
    CHECK(product.run(a + 4, b + 1, d + 1) == CUBLAS_STATUS_SUCCESS);
    CHECK(product.run(a + 1, b, d) == CUBLAS_STATUS_INVALID_VALUE);
  }
  SECTION("a bias aligned less than the operation said") {
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias));
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_SUCCESS);
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(bias + 1));
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
    product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<void*>(nullptr));
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
  }
  SECTION("none") {
    CHECK(product.run(nullptr, b, d) == CUBLAS_STATUS_INVALID_VALUE);
    CHECK(product.run(a, nullptr, d) == CUBLAS_STATUS_INVALID_VALUE);
    CHECK(product.run(a, b, nullptr) == CUBLAS_STATUS_INVALID_VALUE);
  }
  SECTION("a workspace that is missing, too small or not aligned") {
    product.memory = nullptr;
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
    product.memory = product.workspace;
    product.bytes = product.found.workspaceSize - 1;
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
    product.memory = product.workspace + 16;
    product.bytes = product.found.workspaceSize;
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
  }
  SECTION("of another device") {
    cudaStreamDestroy(product.stream);
    cudaSetDevice(1);
    cudaStreamCreateWithFlags(&product.stream, cudaStreamNonBlocking);
    cudaSetDevice(0);
    CHECK(product.run(a, b, d) == CUBLAS_STATUS_INVALID_VALUE);
  }
}

TEST_CASE("cuBLASLt rounds the factors of a product in TF32 to nearest even") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float most = std::numeric_limits<float>::max();
  const std::pair<float, float> cases[] = {
      {0.0f, 0.0f},
      {1 + 0x1p-10f, 1 + 0x1p-10f},
      {1 + 0x1p-11f, 1.0f},
      {1 + 0x1p-11f + 0x1p-20f, 1 + 0x1p-10f},
      {-1 - 0x3p-11f, -1 - 0x1p-9f},
      {most, infinity},
      {-infinity, -infinity},
  };
  TestProduct product(1, 1, {.compute = CUBLAS_COMPUTE_32F_FAST_TF32});
  REQUIRE(product.search() == CUBLAS_STATUS_SUCCESS);
  for (const auto& [factor, rounded] : cases) {
    const float one = 1;
    float as_a = 0, as_b = 0;
    REQUIRE(product.run(&factor, &one, &as_a) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(product.run(&one, &factor, &as_b) == CUBLAS_STATUS_SUCCESS);
    CHECK(as_a == rounded);
    CHECK(as_b == rounded);
  }
}

// cuBLASLt's matrix products. Each sum is rounded once, unless its parts may meet in the result.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "tests/emulator/libraries/numbers.h"
#include "tests/emulator/libraries/refusals.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/streams.h"

namespace emulator {

struct Cublas {
  int device;
};

struct MatmulOperation {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t turn_a = CUBLAS_OP_N, turn_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  // which BGRADA writes to
};

struct MatrixLayout {
  DType type;
  std::size_t rows, columns, leading;
};

struct MatmulPreference {
  std::size_t most_workspace = 0;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t least_alignment[4] = {256, 256, 256, 256};
};

namespace {

constexpr std::size_t workspace_bytes = 1024;

DType type_of(cudaDataType_t type) {
  return type == CUDA_R_64F    ? DType::f64
         : type == CUDA_R_16F  ? DType::f16
         : type == CUDA_R_16BF ? DType::bf16
                               : DType::f32;
}

/// Whether parts of a sum are rounded to the type of the result before they are added up.
bool is_rounded_in_parts(cublasLtReductionScheme_t reduction) {
  return reduction == CUBLASLT_REDUCTION_SCHEME_INPLACE ||
         reduction == CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
}

bool is_16_bit(DType type) { return type == DType::f16 || type == DType::bf16; }

/// The four matrices of a product and what is done with them.
struct Product {
  MatmulOperation operation;
  MatrixLayout a, b, c, d;

  std::size_t rows() const { return d.rows; }
  std::size_t columns() const { return d.columns; }
  std::size_t depth() const { return operation.turn_a == CUBLAS_OP_N ? a.columns : a.rows; }

  /// Whether sizes fit and numbers are of types that go together.
  bool is_valid() const {
    const std::size_t a_rows = operation.turn_a == CUBLAS_OP_N ? a.rows : a.columns;
    const std::size_t b_rows = operation.turn_b == CUBLAS_OP_N ? b.rows : b.columns;
    const std::size_t b_columns = operation.turn_b == CUBLAS_OP_N ? b.columns : b.rows;
    const auto filled = [](const MatrixLayout& m) { return m.rows > 0 && m.leading >= m.rows; };
    return filled(a) && filled(b) && filled(c) && filled(d) && a_rows == d.rows &&
           b_columns == d.columns && b_rows == depth() && c.rows == d.rows &&
           c.columns == d.columns && c.type == d.type && a.type == b.type;
  }

  bool rounds_factors() const { return operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32; }

  /// Whether the library has an algorithm: results of 16-bit factors are of their type or f32; TF32
  /// is for f32; it adds no bias in f64, and adds up the columns of A if these are of 16 bit.
  bool is_supported() const {
    const bool f64 = operation.compute == CUBLAS_COMPUTE_64F;
    if (f64 != (a.type == DType::f64) || f64 != (operation.scale == CUDA_R_64F)) return false;
    if (rounds_factors() && a.type != DType::f32) return false;
    if (d.type != a.type && !(is_16_bit(a.type) && d.type == DType::f32)) return false;
    if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS) return !f64;
    if (operation.epilogue == CUBLASLT_EPILOGUE_BGRADA) return is_16_bit(a.type);
    return true;
  }
};

/// What a launch was given beside the product.
struct Arrays {
  cublasLtReductionScheme_t reduction;
  const void *a, *b, *c;
  void* d;
  double alpha, beta;
};

/// A matrix without gaps, column by column, turned if it is asked for so.
std::vector<double> gathered(const void* array, const MatrixLayout& layout,
                             cublasOperation_t turn) {
  std::vector<double> values(layout.rows * layout.columns);
  const auto* const first = static_cast<const std::byte*>(array);
  for (std::size_t column = 0; column < layout.columns; ++column) {
    const std::vector<double> own = read_numbers(
        first + column * layout.leading * bytes_of(layout.type), layout.type, layout.rows);
    for (std::size_t row = 0; row < layout.rows; ++row)
      values[turn == CUBLAS_OP_N ? column * layout.rows + row : row * layout.columns + column] =
          own[row];
  }
  return values;
}

/// The bias gradient of A: its sums over the depth.
void add_up_rows(const Product& product, const std::vector<double>& a) {
  for (std::size_t row = 0; row < product.rows(); ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < product.depth(); ++k) sum += a[k * product.rows() + row];
    write_number(product.operation.bias, product.d.type, row, sum);
  }
}

/// What of the depth is added up by itself, in the order in which it is added to the result: drawn
/// anew for parts that meet there.
struct Part {
  std::size_t first, end;
};
std::vector<Part> parts_of(std::size_t depth, cublasLtReductionScheme_t reduction) {
  if (!is_rounded_in_parts(reduction)) return {{0, depth}};
  constexpr std::size_t number = 4;
  std::vector<Part> parts;
  for (std::size_t i = 0; i < number; ++i)
    parts.push_back({depth * i / number, depth * (i + 1) / number});
  thread_local std::minstd_rand random;
  if (reduction == CUBLASLT_REDUCTION_SCHEME_INPLACE)
    std::shuffle(parts.begin(), parts.end(), random);
  return parts;
}

/// A column of the product, from one of B.
std::vector<double> column_of(const Product& product, const std::vector<Part>& parts,
                              const std::vector<double>& a, const double* b) {
  const std::size_t rows = product.rows();
  std::vector<double> sums(rows);
  for (const Part& part : parts) {
    for (std::size_t k = part.first; k < part.end; ++k) {
      const double* const of_a = a.data() + k * rows;
      for (std::size_t row = 0; row < rows; ++row) sums[row] += of_a[row] * b[k];
    }
    if (parts.size() == 1) break;
    for (double& sum : sums) sum = rounded(sum, product.d.type);
  }
  return sums;
}

void multiply(const Product& product, const Arrays& arrays) {
  std::vector<double> a = gathered(arrays.a, product.a, product.operation.turn_a);
  std::vector<double> b = gathered(arrays.b, product.b, product.operation.turn_b);
  if (product.rounds_factors()) {
    round_to_tf32(a);
    round_to_tf32(b);
  }
  const std::size_t rows = product.rows(), depth = product.depth();
  const std::vector<Part> parts = parts_of(depth, arrays.reduction);
  const bool biased = product.operation.epilogue == CUBLASLT_EPILOGUE_BIAS;
  for (std::size_t column = 0; column < product.columns(); ++column) {
    const std::vector<double> sums = column_of(product, parts, a, b.data() + column * depth);
    for (std::size_t row = 0; row < rows; ++row) {
      double value = arrays.alpha * sums[row];
      if (arrays.beta != 0)
        value +=
            arrays.beta * read_number(arrays.c, product.c.type, column * product.c.leading + row);
      if (biased) value += read_number(product.operation.bias, product.d.type, row);
      write_number(arrays.d, product.d.type, column * product.d.leading + row, value);
    }
  }
  if (product.operation.epilogue == CUBLASLT_EPILOGUE_BGRADA) add_up_rows(product, a);
}

double scalar(const void* value, cudaDataType_t type) {
  return read_number(value, type_of(type), 0);
}

bool is_aligned(const void* array, std::uint32_t alignment) {
  return reinterpret_cast<std::uintptr_t>(array) % alignment == 0;
}

/// The largest power of two up to 256 that divides an address.
std::uint32_t alignment_of(const void* array) {
  const auto address = reinterpret_cast<std::uintptr_t>(array) | 256;
  return static_cast<std::uint32_t>(address & (~address + 1));
}

/// How algorithms add up that the preference allows and has memory for, the proposed one first.
std::vector<cublasLtReductionScheme_t> reductions(const MatmulPreference& preference) {
  std::vector<cublasLtReductionScheme_t> allowed;
  if (preference.most_workspace >= workspace_bytes)
    for (const auto reduction :
         {CUBLASLT_REDUCTION_SCHEME_INPLACE, CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE,
          CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE})
      if ((preference.reductions & reduction) != 0) allowed.push_back(reduction);
  allowed.push_back(CUBLASLT_REDUCTION_SCHEME_NONE);
  return allowed;
}

cublasStatus_t status_of(Answer answer) {
  return answer == Answer::served        ? CUBLAS_STATUS_SUCCESS
         : answer == Answer::unsupported ? CUBLAS_STATUS_NOT_SUPPORTED
                                         : CUBLAS_STATUS_EXECUTION_FAILED;
}

/// Whether a launch has the memory that its algorithm needs, which lies at a multiple of 256.
bool has_room(const cublasLtMatmulAlgo_t& algorithm, const void* workspace, std::size_t bytes) {
  return bytes >= algorithm.workspace_bytes &&
         (bytes == 0 || (workspace != nullptr && is_aligned(workspace, 256)));
}

/// Whether the vector that an epilogue needs is there, and aligned as the heuristic saw it.
bool has_bias(const MatmulOperation& operation, const cublasLtMatmulAlgo_t& algorithm) {
  return operation.epilogue == CUBLASLT_EPILOGUE_DEFAULT ||
         (operation.bias != nullptr && is_aligned(operation.bias, algorithm.least_of_bias));
}

template <class T>
bool read_value(T& to, const void* value, std::size_t bytes) {
  if (bytes != sizeof(T)) return false;
  std::memcpy(&to, value, bytes);
  return true;
}

cublasStatus_t valid_if(bool condition) {
  return condition ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

}  // namespace
}  // namespace emulator

using namespace emulator;

const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS            ? "CUBLAS_STATUS_SUCCESS"
         : status == CUBLAS_STATUS_INVALID_VALUE    ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == CUBLAS_STATUS_NOT_SUPPORTED    ? "CUBLAS_STATUS_NOT_SUPPORTED"
         : status == CUBLAS_STATUS_EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED"
                                                    : "CUBLAS_STATUS_NOT_INITIALIZED";
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS            ? "success"
         : status == CUBLAS_STATUS_INVALID_VALUE    ? "an unsupported value or parameter was passed"
         : status == CUBLAS_STATUS_NOT_SUPPORTED    ? "the requested functionality is not supported"
         : status == CUBLAS_STATUS_EXECUTION_FAILED ? "the function failed to launch on the GPU"
                                                    : "the library was not initialized";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new Cublas{current_device()};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  *operation = new MatmulOperation{.compute = compute, .scale = scale};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete operation;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return valid_if(read_value(operation->turn_a, value, bytes));
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return valid_if(read_value(operation->turn_b, value, bytes));
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return valid_if(read_value(operation->epilogue, value, bytes));
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return valid_if(read_value(operation->bias, value, bytes));
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading) {
  if (leading < 0) return CUBLAS_STATUS_INVALID_VALUE;
  *layout = new MatrixLayout{type_of(type), rows, columns, static_cast<std::size_t>(leading)};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new MatmulPreference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return valid_if(read_value(preference->most_workspace, value, bytes));
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    return valid_if(read_value(preference->reductions, value, bytes));
  const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  return valid_if(read_value(preference->least_alignment[matrix], value, bytes));
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t* found, int* number) {
  *number = 0;
  const Product product{*operation, *a, *b, *c, *d};
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!product.is_valid() || most < 1) return CUBLAS_STATUS_INVALID_VALUE;
  if (!product.is_supported()) return CUBLAS_STATUS_NOT_SUPPORTED;
  const cublasStatus_t answer = status_of(answer_to(LibraryCall::matmul_heuristic));
  if (answer != CUBLAS_STATUS_SUCCESS) return answer;
  for (const cublasLtReductionScheme_t reduction : reductions(*preference)) {
    if (*number == most) break;
    cublasLtMatmulHeuristicResult_t& one = found[(*number)++];
    one.algo.reduction = reduction;
    one.algo.workspace_bytes = reduction == CUBLASLT_REDUCTION_SCHEME_NONE ? 0 : workspace_bytes;
    std::copy_n(preference->least_alignment, 4, one.algo.least_alignment);
    one.algo.least_of_bias = alignment_of(operation->bias);
    one.workspaceSize = one.algo.workspace_bytes;
    one.state = CUBLAS_STATUS_SUCCESS;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t bytes, cudaStream_t stream) {
  const Product product{*operation, *a_layout, *b_layout, *c_layout, *d_layout};
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const std::uint32_t* const alignment = algorithm->least_alignment;
  const bool aligned = is_aligned(a, alignment[0]) && is_aligned(b, alignment[1]) &&
                       is_aligned(c, alignment[2]) && is_aligned(d, alignment[3]);
  const bool complete = a != nullptr && b != nullptr && d != nullptr &&
                        (c != nullptr || scalar(beta, operation->scale) == 0);
  if (!product.is_valid() || !aligned || !complete || handle->device != device_of(stream) ||
      !has_room(*algorithm, workspace, bytes) || !has_bias(*operation, *algorithm))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (!product.is_supported()) return CUBLAS_STATUS_NOT_SUPPORTED;
  const cublasStatus_t answer = status_of(answer_to(LibraryCall::matmul));
  if (answer != CUBLAS_STATUS_SUCCESS) return answer;
  const Arrays arrays{algorithm->reduction,          a, b, c, d, scalar(alpha, operation->scale),
                      scalar(beta, operation->scale)};
  enqueue(stream, [=] {
    if (bytes > 0) std::memset(workspace, 0xff, bytes);  // nothing of it is kept
    multiply(product, arrays);
  });
  return CUBLAS_STATUS_SUCCESS;
}

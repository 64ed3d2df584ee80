// cuBLASLt's matrix products. Each sum is rounded once.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/emulator/libraries/numbers.h"
#include "tests/emulator/runtime/streams.h"

namespace emulator {

struct Cublas {};

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
  std::uint32_t reductions = 0;
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

  /// Whether the library has an algorithm: results of 16-bit factors are of their type or f32; it
  /// adds no bias in f64, and adds up the columns of A if these are of 16 bit.
  bool is_supported() const {
    const bool f64 = operation.compute == CUBLAS_COMPUTE_64F;
    if (f64 != (a.type == DType::f64)) return false;
    if (d.type != a.type && !(is_16_bit(a.type) && d.type == DType::f32)) return false;
    if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS) return !f64;
    if (operation.epilogue == CUBLASLT_EPILOGUE_BGRADA) return is_16_bit(a.type);
    return true;
  }
};

/// What a launch was given beside the product.
struct Arrays {
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

void multiply(const Product& product, const Arrays& arrays) {
  const std::vector<double> a = gathered(arrays.a, product.a, product.operation.turn_a);
  const std::vector<double> b = gathered(arrays.b, product.b, product.operation.turn_b);
  const std::size_t rows = product.rows(), depth = product.depth();
  const bool biased = product.operation.epilogue == CUBLASLT_EPILOGUE_BIAS;
  for (std::size_t column = 0; column < product.columns(); ++column) {
    std::vector<double> sums(rows);
    for (std::size_t k = 0; k < depth; ++k) {
      const double factor = b[column * depth + k];
      const double* const of_a = a.data() + k * rows;
      for (std::size_t row = 0; row < rows; ++row) sums[row] += of_a[row] * factor;
    }
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
  return status == CUBLAS_STATUS_SUCCESS         ? "CUBLAS_STATUS_SUCCESS"
         : status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                                 : "CUBLAS_STATUS_NOT_INITIALIZED";
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS         ? "success"
         : status == CUBLAS_STATUS_INVALID_VALUE ? "an unsupported value or parameter was passed"
         : status == CUBLAS_STATUS_NOT_SUPPORTED ? "the requested functionality is not supported"
                                                 : "the library was not initialized";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new Cublas;
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
  found->algo.workspace_bytes = std::min(preference->most_workspace, workspace_bytes);
  std::copy_n(preference->least_alignment, 4, found->algo.least_alignment);
  found->workspaceSize = found->algo.workspace_bytes;
  found->state = CUBLAS_STATUS_SUCCESS;
  *number = 1;
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
  const bool has_room = bytes >= algorithm->workspace_bytes && (bytes == 0 || workspace != nullptr);
  const bool has_bias =
      operation->epilogue == CUBLASLT_EPILOGUE_DEFAULT || operation->bias != nullptr;
  if (!product.is_valid() || !aligned || !has_room || !has_bias) return CUBLAS_STATUS_INVALID_VALUE;
  if (!product.is_supported()) return CUBLAS_STATUS_NOT_SUPPORTED;
  const Arrays arrays{a, b, c, d, scalar(alpha, operation->scale), scalar(beta, operation->scale)};
  enqueue(stream, [=] {
    if (bytes > 0) std::memset(workspace, 0xff, bytes);  // nothing of it is kept
    multiply(product, arrays);
  });
  return CUBLAS_STATUS_SUCCESS;
}

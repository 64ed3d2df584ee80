// cuDNN's convolutions. Each sum is rounded once.
#include <cudnn.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "tests/emulator/libraries/numbers.h"
#include "tests/emulator/libraries/refusals.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/streams.h"

namespace emulator {

struct Cudnn {
  int device;
  cudaStream_t stream = nullptr;
};

/// [n, h, w, c]
struct Images {
  DType type = DType::f32;
  int n = 0, c = 0, h = 0, w = 0;

  std::size_t size() const {
    return static_cast<std::size_t>(n) * static_cast<std::size_t>(c) * static_cast<std::size_t>(h) *
           static_cast<std::size_t>(w);
  }
  std::size_t pixel(int image, int row, int column) const {
    return ((static_cast<std::size_t>(image) * static_cast<std::size_t>(h) +
             static_cast<std::size_t>(row)) *
                static_cast<std::size_t>(w) +
            static_cast<std::size_t>(column)) *
           static_cast<std::size_t>(c);
  }
};

/// [out, h, w, in / groups]
struct Filter : Images {};

struct Convolution {
  int pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, groups = 1;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;

  bool is_valid() const {
    return std::min(pad_h, pad_w) >= 0 &&
           std::min({stride_h, stride_w, dilation_h, dilation_w, groups}) > 0;
  }
};

namespace {

DType type_of(cudnnDataType_t type) {
  return type == CUDNN_DATA_HALF       ? DType::f16
         : type == CUDNN_DATA_BFLOAT16 ? DType::bf16
                                       : DType::f32;
}

int out_extent(int in, int pad, int kernel, int dilation, int stride) {
  return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

/// The three arrays of a convolution, each of which it may compute from the other two.
struct Problem {
  Images x, y;
  Filter filter;
  Convolution conv;

  bool is_valid() const {
    const Convolution& c = conv;
    return c.is_valid() && x.c == filter.c * c.groups && y.c == filter.n && y.c % c.groups == 0 &&
           x.n == y.n && x.type == y.type && x.type == filter.type &&
           y.h == out_extent(x.h, c.pad_h, filter.h, c.dilation_h, c.stride_h) &&
           y.w == out_extent(x.w, c.pad_w, filter.w, c.dilation_w, c.stride_w);
  }
  /// Whether an algorithm takes it: the one that callers prefer leaves out dilated filters, so that
  /// they have to fall back on another.
  bool is_supported(int algorithm) const {
    const bool dilated = conv.dilation_h > 1 || conv.dilation_w > 1;
    return algorithm == 1 ? !dilated : algorithm == 0 || algorithm == fallback;
  }
  static constexpr int preferred = 1;
  static constexpr int fallback = 2;  // GEMM forward, FFT backward

  /// One of the two arrays that a convolution reads, as tensor cores take it.
  std::vector<double> factors(const void* array, const Images& of) const {
    std::vector<double> values = read_numbers(array, of.type, of.size());
    if (of.type == DType::f32 && conv.math != CUDNN_FMA_MATH) round_to_tf32(values);
    return values;
  }
};

/// A convolution's arrays as numbers.
struct Values {
  std::vector<double> x, filter, y;
};

/// Calls `run(x, filter, y)` with the channels that each output channel of each pixel takes through
/// each element of the filter: `filter.c` neighbours of x and of the filter, and one value of y.
template <class Run>
void for_each_run(const Problem& p, Values& v, const Run& run) {
  const Convolution& c = p.conv;
  const int group_out = p.y.c / c.groups;
  for (int image = 0; image < p.y.n; ++image)
    for (int i = 0; i < p.y.h; ++i)
      for (int j = 0; j < p.y.w; ++j)
        for (int di = 0; di < p.filter.h; ++di)
          for (int dj = 0; dj < p.filter.w; ++dj) {
            const int row = i * c.stride_h - c.pad_h + di * c.dilation_h;
            const int column = j * c.stride_w - c.pad_w + dj * c.dilation_w;
            if (row < 0 || row >= p.x.h || column < 0 || column >= p.x.w) continue;
            double* const x = v.x.data() + p.x.pixel(image, row, column);
            double* const y = v.y.data() + p.y.pixel(image, i, j);
            for (int out = 0; out < p.y.c; ++out)
              run(x + out / group_out * p.filter.c, v.filter.data() + p.filter.pixel(out, di, dj),
                  y + out);
          }
}

void sum_y(const Problem& p, Values& v) {
  for_each_run(p, v, [&](const double* x, const double* filter, double* y) {
    for (int in = 0; in < p.filter.c; ++in) *y += x[in] * filter[in];
  });
}
void sum_x(const Problem& p, Values& v) {
  for_each_run(p, v, [&](double* x, const double* filter, const double* y) {
    for (int in = 0; in < p.filter.c; ++in) x[in] += *y * filter[in];
  });
}
void sum_filter(const Problem& p, Values& v) {
  for_each_run(p, v, [&](const double* x, double* filter, const double* y) {
    for (int in = 0; in < p.filter.c; ++in) filter[in] += *y * x[in];
  });
}

/// result = alpha sums + beta result
void put(const std::vector<double>& sums, float alpha, float beta, DType type, void* result) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double before = beta == 0 ? 0 : beta * read_number(result, type, i);
    write_number(result, type, i, alpha * sums[i] + before);
  }
}

float scalar(const void* value) { return *static_cast<const float*>(value); }

std::size_t workspace_bytes(int algorithm) { return algorithm == 0 ? 0 : 256; }

/// Memory that an algorithm writes to.
struct Workspace {
  void* memory;
  std::size_t bytes;

  bool serves(int algorithm) const {
    const std::size_t needed = workspace_bytes(algorithm);
    return bytes >= needed && (needed == 0 || memory != nullptr);
  }
  void use() const {
    if (bytes > 0) std::memset(memory, 0xff, bytes);
  }
};

cudnnStatus_t status_of(Answer answer) {
  return answer == Answer::served        ? CUDNN_STATUS_SUCCESS
         : answer == Answer::unsupported ? CUDNN_STATUS_NOT_SUPPORTED
                                         : CUDNN_STATUS_EXECUTION_FAILED;
}

cudnnStatus_t status_of(const Problem& problem, int algorithm) {
  if (!problem.is_valid()) return CUDNN_STATUS_BAD_PARAM;
  return problem.is_supported(algorithm) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED_SHAPE;
}

template <class Algorithm>
cudnnStatus_t find(const Problem& problem, int most, int* number,
                   FoundAlgorithm<Algorithm>* found) {
  if (!problem.is_valid() || most < 1) return CUDNN_STATUS_BAD_PARAM;
  *number = 0;
  const cudnnStatus_t answer = status_of(answer_to(LibraryCall::convolution_heuristic));
  if (answer != CUDNN_STATUS_SUCCESS) return answer;
  for (const int algorithm : {0, Problem::preferred, Problem::fallback}) {
    if (*number == most) break;
    found[(*number)++] = {static_cast<Algorithm>(algorithm), status_of(problem, algorithm),
                          workspace_bytes(algorithm),
                          algorithm == 0 ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC};
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tell_workspace(const Problem& problem, int algorithm, std::size_t* bytes) {
  *bytes = workspace_bytes(algorithm);
  const cudnnStatus_t status = status_of(problem, algorithm);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return status_of(answer_to(LibraryCall::convolution_workspace));
}

/// Asks the stream for `work` on arrays that are there, if the algorithm takes the problem.
template <class Work>
cudnnStatus_t run(cudnnHandle_t handle, const Problem& problem, int algorithm, Workspace workspace,
                  std::initializer_list<const void*> arrays, const Work& work) {
  cudnnStatus_t status = status_of(problem, algorithm);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (std::ranges::count(arrays, nullptr) > 0 || !workspace.serves(algorithm))
    return CUDNN_STATUS_BAD_PARAM;
  status = status_of(answer_to(LibraryCall::convolution));
  if (status != CUDNN_STATUS_SUCCESS) return status;
  enqueue(handle->stream, [workspace, work] {
    workspace.use();
    work();
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t valid_if(bool condition) {
  return condition ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

/// Of a descriptor of images or of a filter.
cudnnStatus_t set(Images& images, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c,
                  int h, int w) {
  images.type = type_of(type);
  images.n = n;
  images.c = c;
  images.h = h;
  images.w = w;
  return valid_if(format == CUDNN_TENSOR_NHWC && std::min({n, c, h, w}) > 0);
}

}  // namespace
}  // namespace emulator

using namespace emulator;

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH:
      return "CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED_SHAPE:
      return "CUDNN_STATUS_NOT_SUPPORTED_SHAPE";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_NOT_SUPPORTED";
  }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new Cudnn{.device = current_device()};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (device_of(stream) != handle->device) return CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH;
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* images) {
  *images = new Images;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t images) {
  delete images;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t images, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  constexpr std::size_t most = std::size_t{1} << 31;  // elements
  const cudnnStatus_t status = set(*images, format, type, n, c, h, w);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return images->size() > most ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
  *filter = new Filter;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
  delete filter;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return set(*filter, format, type, k, c, h, w);
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
  *convolution = new Convolution;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) {
  delete convolution;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h,
                                              int pad_w, int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  *convolution = {pad_h,
                  pad_w,
                  stride_h,
                  stride_w,
                  dilation_h,
                  dilation_w,
                  convolution->groups,
                  convolution->math};
  return valid_if(mode == CUDNN_CROSS_CORRELATION && compute == CUDNN_DATA_FLOAT &&
                  convolution->is_valid());
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t convolution, int groups) {
  convolution->groups = groups;
  return valid_if(groups > 0);
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution,
                                          cudnnMathType_t math) {
  convolution->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t /*handle*/, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t filter,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, int most, int* number,
    cudnnConvolutionFwdAlgoPerf_t* found) {
  return find({*x, *y, *filter, *convolution}, most, number, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t /*handle*/, cudnnFilterDescriptor_t filter, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t x, int most, int* number,
    cudnnConvolutionBwdDataAlgoPerf_t* found) {
  return find({*x, *y, *filter, *convolution}, most, number, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t /*handle*/, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t filter, int most, int* number,
    cudnnConvolutionBwdFilterAlgoPerf_t* found) {
  return find({*x, *y, *filter, *convolution}, most, number, found);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t /*handle*/, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t filter,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
  return tell_workspace({*x, *y, *filter, *convolution}, algorithm, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t /*handle*/, cudnnFilterDescriptor_t filter, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t x,
    cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
  return tell_workspace({*x, *y, *filter, *convolution}, algorithm, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t /*handle*/, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t filter,
    cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
  return tell_workspace({*x, *y, *filter, *convolution}, algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      cudnnTensorDescriptor_t x_of, const void* x,
                                      cudnnFilterDescriptor_t filter_of, const void* filter,
                                      cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      std::size_t bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_of, void* y) {
  const Problem p{*x_of, *y_of, *filter_of, *convolution};
  const float a = scalar(alpha), b = scalar(beta);
  return run(handle, p, algorithm, {workspace, bytes}, {x, filter, y}, [=] {
    Values values{p.factors(x, p.x), p.factors(filter, p.filter), std::vector<double>(p.y.size())};
    sum_y(p, values);
    put(values.y, a, b, p.y.type, y);
  });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t filter_of, const void* filter,
                                           cudnnTensorDescriptor_t y_of, const void* y,
                                           cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t bytes, const void* beta,
                                           cudnnTensorDescriptor_t x_of, void* x) {
  const Problem p{*x_of, *y_of, *filter_of, *convolution};
  const float a = scalar(alpha), b = scalar(beta);
  return run(handle, p, algorithm, {workspace, bytes}, {x, filter, y}, [=] {
    Values values{std::vector<double>(p.x.size()), p.factors(filter, p.filter), p.factors(y, p.y)};
    sum_x(p, values);
    put(values.x, a, b, p.x.type, x);
  });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_of, const void* x,
                                             cudnnTensorDescriptor_t y_of, const void* y,
                                             cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void* workspace, std::size_t bytes, const void* beta,
                                             cudnnFilterDescriptor_t filter_of, void* filter) {
  const Problem p{*x_of, *y_of, *filter_of, *convolution};
  const float a = scalar(alpha), b = scalar(beta);
  return run(handle, p, algorithm, {workspace, bytes}, {x, filter, y}, [=] {
    Values values{p.factors(x, p.x), std::vector<double>(p.filter.size()), p.factors(y, p.y)};
    sum_filter(p, values);
    put(values.filter, a, b, p.filter.type, filter);
  });
}

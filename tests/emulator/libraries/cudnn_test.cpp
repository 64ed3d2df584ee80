// What emulated cuDNN computes and what it refuses.
#include <cudnn.h>

#include <vector>

#include "tests/support/catch.h"

namespace {

/// Of device 0; kept, for it cannot be destroyed here.
cudnnHandle_t handle() {
  static const cudnnHandle_t made = [] {
    cudnnHandle_t created = nullptr;
    cudnnCreate(&created);
    return created;
  }();
  return made;
}

/// y [1, 2, 2, 1] of x [1, 2, 2, 1] and one number.
class TestConvolution {
 public:
  TestConvolution() {
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    REQUIRE(cudnnSetStream(handle(), stream) == CUDNN_STATUS_SUCCESS);
    cudnnCreateTensorDescriptor(&images);
    cudnnCreateFilterDescriptor(&filter);
    cudnnCreateConvolutionDescriptor(&convolution);
    REQUIRE(describe_images(2) == CUDNN_STATUS_SUCCESS);
    REQUIRE(cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 1, 1, 1, 1) ==
            CUDNN_STATUS_SUCCESS);
    REQUIRE(describe(0, 1, 1) == CUDNN_STATUS_SUCCESS);
  }
  ~TestConvolution() {
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroyFilterDescriptor(filter);
    cudnnDestroyTensorDescriptor(images);
    cudaStreamDestroy(stream);
  }
  TestConvolution(const TestConvolution&) = delete;
  TestConvolution& operator=(const TestConvolution&) = delete;

  cudnnStatus_t describe_images(int height) {
    return cudnnSetTensor4dDescriptor(images, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 1, height, 2);
  }
  /// Of rows; columns are as they are.
  cudnnStatus_t describe(int padding, int stride, int dilation) {
    return cudnnSetConvolution2dDescriptor(convolution, padding, 0, stride, 1, dilation, 1,
                                           CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  }
  cudnnStatus_t run(const void* x, const void* factor, void* y) {
    const float one = 1, zero = 0;
    const cudnnStatus_t status = cudnnConvolutionForward(
        handle(), &one, images, x, filter, factor, convolution,
        CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, memory, bytes, &zero, images, y);
    cudaStreamSynchronize(stream);
    return status;
  }

  cudaStream_t stream = nullptr;
  cudnnTensorDescriptor_t images = nullptr;
  cudnnFilterDescriptor_t filter = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  std::byte workspace[1024];
  void* memory = workspace;
  std::size_t bytes = sizeof(workspace);
};

}  // namespace

TEST_CASE("cuDNN's descriptors refuse what no convolution has") {
  TestConvolution c;
  CHECK(c.describe(-1, 1, 1) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.describe(0, 0, 1) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.describe(0, 1, 0) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.describe(2, 3, 4) == CUDNN_STATUS_SUCCESS);
  CHECK(c.describe_images(0) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.describe_images(1 << 30) == CUDNN_STATUS_SUCCESS);
  CHECK(c.describe_images((1 << 30) + 1) == CUDNN_STATUS_NOT_SUPPORTED);
  CHECK(cudnnSetConvolutionGroupCount(c.convolution, 0) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("cuDNN refuses arrays and workspaces that are missing") {
  TestConvolution c;
  float x[4] = {}, factor = 1, y[4] = {};
  CHECK(c.run(x, &factor, y) == CUDNN_STATUS_SUCCESS);
  CHECK(c.run(nullptr, &factor, y) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.run(x, nullptr, y) == CUDNN_STATUS_BAD_PARAM);
  CHECK(c.run(x, &factor, nullptr) == CUDNN_STATUS_BAD_PARAM);
  c.bytes = 1;
  CHECK(c.run(x, &factor, y) == CUDNN_STATUS_BAD_PARAM);
  c.bytes = sizeof(c.workspace);
  c.memory = nullptr;
  CHECK(c.run(x, &factor, y) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("a handle of cuDNN takes the streams of its device") {
  TestConvolution c;
  cudaStream_t other = nullptr;
  cudaSetDevice(1);
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  CHECK(cudnnSetStream(handle(), other) == CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH);
  cudaStreamDestroy(other);
  cudaSetDevice(0);
}

TEST_CASE("cuDNN rounds f32 to TF32 unless its math is to be FMA") {
  TestConvolution c;
  const float x[4] = {1 + 0x1p-12f, 1, 2, 3}, factor = 1 - 0x1p-13f;
  float y[4] = {};
  const auto first = [&] {
    REQUIRE(c.run(x, &factor, y) == CUDNN_STATUS_SUCCESS);
    return y[0];
  };
  CHECK(first() == 1);
  CHECK(cudnnSetConvolutionMathType(c.convolution, CUDNN_FMA_MATH) == CUDNN_STATUS_SUCCESS);
  CHECK(first() == x[0] * factor);
  CHECK(cudnnSetConvolutionMathType(c.convolution, CUDNN_DEFAULT_MATH) == CUDNN_STATUS_SUCCESS);
  CHECK(first() == 1);
}

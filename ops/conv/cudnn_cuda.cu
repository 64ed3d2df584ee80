// Plans and runs cuDNN's convolutions.
#include <cudnn.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "ranvier/core/autocast.h"
#include "ranvier/core/autotune.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_timing.h"
#include "ranvier/core/storage.h"
#include "ranvier/ops/conv/detail/cudnn.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::ConvShape;
constexpr const char* op = "conv2d";

void check(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS)
    fail(ErrorCode::device, "[conv2d] cuDNN reports: {}.", cudnnGetErrorString(status));
}

// "Not supported" comes in many kinds.
bool is_unsupported(cudnnStatus_t status) {
  return CUDNN_STATUS_CATEGORY(static_cast<int>(status)) == CUDNN_STATUS_NOT_SUPPORTED;
}

template <class T, cudnnStatus_t (*create)(T*), cudnnStatus_t (*destroy)(T)>
class Descriptor {
 public:
  Descriptor() { check(create(&made_)); }
  ~Descriptor() { destroy(made_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator T() const { return made_; }

 private:
  T made_ = nullptr;
};

using Images =
    Descriptor<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Filter =
    Descriptor<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using Convolution = Descriptor<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor,
                               cudnnDestroyConvolutionDescriptor>;

struct Key {
  ConvResult result = ConvResult::y;
  int device = 0;
  ConvShape shape;
  DType compute = DType::f32;
  bool tf32 = false, timed = false;

  auto operator<=>(const Key&) const = default;
};

// An algorithm, as one of cuDNN's three enumerations, and the memory it needs.
struct Choice {
  int algorithm = 0;
  std::size_t workspace_bytes = 0;
};

struct Plan {
  Images x, y;
  Filter filter;
  Convolution convolution;
  std::vector<Choice> choices;  // the first that runs is used
};

cudnnDataType_t data_type(DType dtype) {
  return dtype == DType::f16    ? CUDNN_DATA_HALF
         : dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16
                                : CUDNN_DATA_FLOAT;
}

cudnnMathType_t math_type(const Key& key) {
  if (key.compute != DType::f32) return CUDNN_TENSOR_OP_MATH;
  return key.tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

int extent(std::int64_t value) { return static_cast<int>(value); }

void describe(const Key& key, Plan& plan) {
  const ConvShape& s = key.shape;
  const cudnnDataType_t type = data_type(key.compute);
  check(cudnnSetTensor4dDescriptor(plan.x, CUDNN_TENSOR_NHWC, type, extent(s.images), extent(s.in),
                                   extent(s.height), extent(s.width)));
  check(cudnnSetTensor4dDescriptor(plan.y, CUDNN_TENSOR_NHWC, type, extent(s.images), extent(s.out),
                                   extent(s.out_height), extent(s.out_width)));
  check(cudnnSetFilter4dDescriptor(plan.filter, type, CUDNN_TENSOR_NHWC, extent(s.out),
                                   extent(s.in / s.groups), extent(s.kernel[0]),
                                   extent(s.kernel[1])));
  check(cudnnSetConvolution2dDescriptor(
      plan.convolution, extent(s.padding[0]), extent(s.padding[1]), extent(s.stride[0]),
      extent(s.stride[1]), extent(s.dilation[0]), extent(s.dilation[1]), CUDNN_CROSS_CORRELATION,
      CUDNN_DATA_FLOAT));
  check(cudnnSetConvolutionGroupCount(plan.convolution, extent(s.groups)));
  check(cudnnSetConvolutionMathType(plan.convolution, math_type(key)));
}

// What cuDNN calls by different names for each of the three results.
struct Forward {
  using Found = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr int preferred = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

  static cudnnStatus_t search(cudnnHandle_t h, const Plan& p, int most, int* number, Found* found) {
    return cudnnGetConvolutionForwardAlgorithm_v7(h, p.x, p.filter, p.convolution, p.y, most,
                                                  number, found);
  }
  static cudnnStatus_t workspace(cudnnHandle_t h, const Plan& p, int algorithm,
                                 std::size_t* bytes) {
    return cudnnGetConvolutionForwardWorkspaceSize(
        h, p.x, p.filter, p.convolution, p.y, static_cast<cudnnConvolutionFwdAlgo_t>(algorithm),
        bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t h, const Plan& p, const Choice& choice,
                           const ConvArrays& a, void* workspace) {
    const float one = 1, zero = 0;
    return cudnnConvolutionForward(h, &one, p.x, a.x, p.filter, a.filter, p.convolution,
                                   static_cast<cudnnConvolutionFwdAlgo_t>(choice.algorithm),
                                   workspace, choice.workspace_bytes, &zero, p.y, a.y);
  }
};

struct BackwardData {
  using Found = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr int preferred = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;

  static cudnnStatus_t search(cudnnHandle_t h, const Plan& p, int most, int* number, Found* found) {
    return cudnnGetConvolutionBackwardDataAlgorithm_v7(h, p.filter, p.y, p.convolution, p.x, most,
                                                       number, found);
  }
  static cudnnStatus_t workspace(cudnnHandle_t h, const Plan& p, int algorithm,
                                 std::size_t* bytes) {
    return cudnnGetConvolutionBackwardDataWorkspaceSize(
        h, p.filter, p.y, p.convolution, p.x, static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm),
        bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t h, const Plan& p, const Choice& choice,
                           const ConvArrays& a, void* workspace) {
    const float one = 1, zero = 0;
    return cudnnConvolutionBackwardData(
        h, &one, p.filter, a.filter, p.y, a.y, p.convolution,
        static_cast<cudnnConvolutionBwdDataAlgo_t>(choice.algorithm), workspace,
        choice.workspace_bytes, &zero, p.x, a.x);
  }
};

struct BackwardFilter {
  using Found = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr int preferred = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;

  static cudnnStatus_t search(cudnnHandle_t h, const Plan& p, int most, int* number, Found* found) {
    return cudnnGetConvolutionBackwardFilterAlgorithm_v7(h, p.x, p.y, p.convolution, p.filter, most,
                                                         number, found);
  }
  static cudnnStatus_t workspace(cudnnHandle_t h, const Plan& p, int algorithm,
                                 std::size_t* bytes) {
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(
        h, p.x, p.y, p.convolution, p.filter,
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm), bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t h, const Plan& p, const Choice& choice,
                           const ConvArrays& a, void* workspace) {
    const float one = 1, zero = 0;
    return cudnnConvolutionBackwardFilter(
        h, &one, p.x, a.x, p.y, a.y, p.convolution,
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(choice.algorithm), workspace,
        choice.workspace_bytes, &zero, p.filter, a.filter);
  }
};

// The preferred algorithm, known to add in a fixed order and to use tensor cores, before those
// that cuDNN proposes and says so of; all without those that this convolution is too much for.
template <class Pass>
void choose(cudnnHandle_t handle, Plan& plan) {
  constexpr std::size_t most_bytes = std::size_t{1} << 30;
  constexpr int most = 16;
  typename Pass::Found found[most] = {};
  int number = 0;
  if (Pass::search(handle, plan, most, &number, found) != CUDNN_STATUS_SUCCESS) number = 0;
  std::vector<int> algorithms{Pass::preferred};
  for (int i = 0; i < number; ++i)
    if (found[i].status == CUDNN_STATUS_SUCCESS && found[i].determinism == CUDNN_DETERMINISTIC &&
        found[i].algo != Pass::preferred)
      algorithms.push_back(found[i].algo);
  for (const int algorithm : algorithms) {
    Choice choice{.algorithm = algorithm};
    if (Pass::workspace(handle, plan, algorithm, &choice.workspace_bytes) == CUDNN_STATUS_SUCCESS &&
        choice.workspace_bytes <= most_bytes)
      plan.choices.push_back(choice);
  }
}

template <class Pass>
cudnnStatus_t run_choice(cudnnHandle_t handle, Device device, const Plan& plan,
                         const Choice& choice, const ConvArrays& arrays) {
  const Storage workspace(choice.workspace_bytes, device);
  return Pass::run(handle, plan, choice, arrays, workspace.data());
}

cudnnHandle_t handle_on(Device device) {
  static auto& handles = *new std::map<int, cudnnHandle_t>;
  const cudaStream_t on = stream(device);
  cudnnHandle_t& made = handles[device.index];
  if (made == nullptr) {
    check(cudnnCreate(&made));
    check(cudnnSetStream(made, on));
  }
  return made;
}

bool fits_cudnn(const ConvShape& s) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  return s.images * s.in_pixels() * s.in <= most && s.images * s.out_pixels() * s.out <= most &&
         std::max({s.stride[0], s.stride[1], s.padding[0], s.padding[1], s.dilation[0],
                   s.dilation[1]}) <= most;
}

template <class Pass>
std::unique_ptr<Plan> make_plan(const Key& key, cudnnHandle_t handle, Device device,
                                const ConvArrays& arrays) {
  auto plan = std::make_unique<Plan>();
  describe(key, *plan);
  choose<Pass>(handle, *plan);
  if (key.timed)
    fastest_first(op, stream(device), plan->choices, [&](const Choice& choice) {
      return run_choice<Pass>(handle, device, *plan, choice, arrays) == CUDNN_STATUS_SUCCESS;
    });
  return plan;
}

template <class Pass>
bool run_planned(const Key& key, std::unique_ptr<Plan>& plan, cudnnHandle_t handle, Device device,
                 const ConvArrays& arrays) {
  if (plan == nullptr) plan = make_plan<Pass>(key, handle, device, arrays);
  while (!plan->choices.empty()) {
    const cudnnStatus_t status =
        run_choice<Pass>(handle, device, *plan, plan->choices.front(), arrays);
    if (!is_unsupported(status)) {
      check(status);
      finish_launch(op, stream(device));
      return true;
    }
    plan->choices.erase(plan->choices.begin());
  }
  return false;
}

}  // namespace

bool run_cudnn(ConvResult result, const ConvShape& shape, DType compute, Device device,
               const ConvArrays& arrays) {
  if (!fits_cudnn(shape)) return false;
  const Key key{.result = result,
                .device = device.index,
                .shape = shape,
                .compute = compute,
                .tf32 = compute == DType::f32 && tf32(),
                .timed = autotune()};
  static std::mutex mutex;  // also for the handles, which take one call at a time
  static auto& plans = *new std::map<Key, std::unique_ptr<Plan>>;
  constexpr std::size_t capacity = 1024;  // shapes that vary without end do not fill memory
  const std::lock_guard lock(mutex);
  const cudnnHandle_t handle = handle_on(device);
  if (plans.size() >= capacity && !plans.contains(key)) plans.clear();
  std::unique_ptr<Plan>& plan = plans[key];
  if (result == ConvResult::y) return run_planned<Forward>(key, plan, handle, device, arrays);
  if (result == ConvResult::x) return run_planned<BackwardData>(key, plan, handle, device, arrays);
  return run_planned<BackwardFilter>(key, plan, handle, device, arrays);
}

}  // namespace ranvier::cuda

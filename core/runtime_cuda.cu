// The CUDA runtime behind core/detail/cuda_runtime.h.
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_runtime.h"
#include "ranvier/core/detail/cuda_timing.h"

namespace ranvier::cuda {
namespace {

std::atomic<long> launch_count = 0;

bool wait_for_each_launch() {
  static const bool wait = [] {
    const char* const variable = std::getenv("RANVIER_CUDA_SYNC");
    return variable != nullptr && std::string_view(variable) == "1";
  }();
  return wait;
}

int device_count(std::string& why) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  why = status == cudaErrorInsufficientDriver
            ? "the NVIDIA driver is older than this build's CUDA toolkit, or not running"
            : "the NVIDIA driver finds no device";
  if (status != cudaSuccess) why += fmt::format(" ({})", cudaGetErrorString(status));
  return 0;
}

std::string describe(int device) {
  cudaDeviceProp properties;
  check("device", cudaGetDeviceProperties(&properties, device));
  return fmt::format("{}, compute capability {}.{}, {:.1f} GiB", properties.name, properties.major,
                     properties.minor, static_cast<double>(properties.totalGlobalMem) / 0x1p30);
}

Device device_at(int index) { return {DeviceType::cuda, index}; }

void* allocate(int device, std::size_t bytes) {
  stream(device_at(device));
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check("allocator", status);
  return block;
}

void deallocate(int device, void* block) {
  stream(device_at(device));
  cudaFree(block);
}

void clear(int device, void* block, std::size_t bytes) {
  const cudaStream_t on = stream(device_at(device));
  check("zeros", cudaMemsetAsync(block, 0, bytes, on));
}

void synchronize(int device) {
  check("synchronize", cudaStreamSynchronize(stream(device_at(device))));
}

// What `later` is asked for from here on comes after what `earlier` was asked for.
void order(Device earlier, Device later) {
  const cudaStream_t first = stream(earlier);
  cudaEvent_t event = nullptr;
  check("copy", cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  cudaError_t status = cudaEventRecord(event, first);
  if (status == cudaSuccess) status = cudaStreamWaitEvent(stream(later), event, 0);
  cudaEventDestroy(event);
  check("copy", status);
}

// Neither device goes on with the arrays before the copy is done, unless they are the same.
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  const bool to_cpu = to_device.type == DeviceType::cpu;
  const bool between = !to_cpu && from_device.type == DeviceType::cuda && from_device != to_device;
  if (between) order(from_device, to_device);
  const cudaStream_t on = stream(to_cpu ? from_device : to_device);
  check("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, on));
  if (between) order(to_device, from_device);
  if (to_cpu) check("copy", cudaStreamSynchronize(on));
}

// Relaxed: a first use may still take memory from the device, which other modes forbid.
void begin_capture(int device) {
  check("graph", cudaStreamBeginCapture(stream(device_at(device)), cudaStreamCaptureModeRelaxed));
}

void* end_capture(int device) {
  cudaGraph_t graph = nullptr;
  check("graph", cudaStreamEndCapture(stream(device_at(device)), &graph));
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check("graph", status);
  return executable;
}

void abandon_capture(int device) {
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(stream(device_at(device)), &graph);
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void launch_graph(int device, void* graph) {
  check("graph", cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream(device_at(device))));
}

void destroy_graph(void* graph) { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

constexpr detail::CudaRuntime runtime{.device_count = device_count,
                                      .describe = describe,
                                      .allocate = allocate,
                                      .deallocate = deallocate,
                                      .clear = clear,
                                      .copy = copy,
                                      .synchronize = synchronize,
                                      .launches = [] { return launch_count.load(); },
                                      .begin_capture = begin_capture,
                                      .end_capture = end_capture,
                                      .abandon_capture = abandon_capture,
                                      .launch_graph = launch_graph,
                                      .destroy_graph = destroy_graph};

const bool registered = [] {
  detail::cuda_runtime_slot = &runtime;
  return true;
}();

}  // namespace

cudaStream_t stream(Device device) {
  thread_local int current = -1;
  if (current != device.index) {
    check("device", cudaSetDevice(device.index));
    current = device.index;
  }
  static std::mutex mutex;
  static std::vector<cudaStream_t>& streams = *new std::vector<cudaStream_t>;
  const std::lock_guard lock(mutex);
  const auto at = static_cast<std::size_t>(device.index);
  if (streams.size() <= at) streams.resize(at + 1, nullptr);
  if (streams[at] == nullptr)
    check("device", cudaStreamCreateWithFlags(&streams[at], cudaStreamNonBlocking));
  return streams[at];
}

void check(const char* op, cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  const LayerName layer = current_layer();
  fail(ErrorCode::device,
       "[{}{}] CUDA reports: {} ({}). It may come from an earlier operation; with "
       "RANVIER_CUDA_SYNC=1 the one that caused it is named.",
       op, layer == nullptr ? "" : " in " + *layer, cudaGetErrorString(status),
       cudaGetErrorName(status));
}

void finish_launch(const char* op, cudaStream_t stream) {
  launch_count.fetch_add(1, std::memory_order_relaxed);
  check(op, cudaGetLastError());
  if (wait_for_each_launch() && !is_recorded(op, stream)) check(op, cudaStreamSynchronize(stream));
}

bool is_recorded(const char* op, cudaStream_t stream) {
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  check(op, cudaStreamIsCapturing(stream, &capturing));
  return capturing != cudaStreamCaptureStatusNone;
}

}  // namespace ranvier::cuda

#include "tests/emulator/blocks/kernels.h"

#include <mutex>
#include <utility>

#include "tests/emulator/blocks/multiprocessor.h"
#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/streams.h"

namespace emulator {
namespace {

// Of devices without opting in to more.
constexpr unsigned most_threads = 1024;
constexpr std::size_t most_shared_bytes = std::size_t{48} << 10;

bool is_accepted(const LaunchShape& shape) {
  return shape.blocks > 0 && shape.threads > 0 && shape.threads <= most_threads &&
         shape.shared_bytes <= most_shared_bytes;
}

void run(const LaunchShape& shape, const std::function<void()>& thread) {
  static std::mutex one_at_a_time;  // whichever stream and device
  const std::lock_guard lock(one_at_a_time);
  Multiprocessor::one().run(shape, thread);
}

}  // namespace

void launch_kernel(const LaunchShape& shape, cudaStream_t stream, std::function<void()> thread) {
  if (!is_accepted(shape))
    said(cudaErrorInvalidConfiguration);
  else if (device_of(stream) != current_device())
    said(cudaErrorInvalidResourceHandle);
  else
    enqueue(stream, [shape, thread = std::move(thread)] { run(shape, thread); });
}

}  // namespace emulator

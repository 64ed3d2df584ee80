// Work on a CUDA device that is recorded once and launched as a whole.
#pragma once

#include <memory>
#include <vector>

#include "ranvier/core/allocator.h"
#include "ranvier/core/graph_recording.h"
#include "ranvier/core/rounded_copy.h"

namespace ranvier {

/// A recorded piece of work: hundreds of kernels for the price of one launch. It is done once for
/// real before, so that plans and handles are made.
///
/// Each launch reads and writes the arrays that were read and written when it was recorded, so what
/// changes from launch to launch lies in device memory. Tensors that were made meanwhile and are
/// still held are written anew by each launch.
class CudaGraph {
 public:
  /// Records what `body` asks of `device`; nothing of it is done now. Error: `body` waits for the
  /// device or reads from it, which cannot be recorded.
  template <class Body>
  CudaGraph(Device device, Body&& body) : CudaGraph(device) {
    const PrivateMemory::Use use(memory_);
    const detail::RecordedCopies::Recording copies(copies_);
    GraphRecording recording(kept_);
    begin();
    try {
      body();
      recording.end();
    } catch (...) {
      abandon();
      throw;
    }
    end();
  }
  ~CudaGraph();
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  /// Asks the device for all of it.
  void launch() const;

 private:
  explicit CudaGraph(Device device);
  void begin();
  void end();
  void abandon() noexcept;

  Device device_;
  PrivateMemory memory_;
  detail::RecordedCopies copies_;
  std::vector<std::shared_ptr<const void>> kept_;  // until the graph is no more
  void* graph_ = nullptr;
};

}  // namespace ranvier

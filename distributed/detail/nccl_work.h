// Messages of a transport over NCCL that are under way.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <utility>
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/distributed/transport.h"

namespace ranvier::cuda {

/// A point in a stream's work.
class Event {
 public:
  Event() { check("nccl", cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) { check("nccl", cudaEventRecord(event_, stream)); }
  void hold_back(cudaStream_t stream) const {
    check("nccl", cudaStreamWaitEvent(stream, event_, 0));
  }
  bool reached() const {
    const cudaError_t status = cudaEventQuery(event_);
    if (status != cudaErrorNotReady) check("nccl", status);
    return status == cudaSuccess;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Work of a channel.
struct UnderWay {
  Event done;
  std::vector<Tensor> arrays;  // that it reads and writes
  bool recorded = false;
};

class NcclExchange final : public Exchange {
 public:
  NcclExchange(std::shared_ptr<UnderWay> work, std::vector<Tensor> messages, Device device)
      : work_(std::move(work)), messages_(std::move(messages)), device_(device) {}

  // Never said. Who acts on it would ask NCCL for something at a moment that no other rank knows,
  // and NCCL wants all to ask in one order.
  bool ready() override { return false; }
  std::vector<Tensor> finish() override {
    work_->done.hold_back(stream(device_));
    if (work_->recorded) work_->arrays.clear();  // who gets their memory comes after this
    return std::move(messages_);
  }

 private:
  std::shared_ptr<UnderWay> work_;
  std::vector<Tensor> messages_;
  Device device_;
};

/// Work that became part of a recording, whose end has to come after it.
class RecordedWork {
 public:
  void add(std::shared_ptr<UnderWay> work) { work_.push_back(std::move(work)); }
  /// What `onto` is asked for from here on comes after all of it.
  void join(cudaStream_t onto) {
    for (const std::shared_ptr<UnderWay>& work : work_) work->done.hold_back(onto);
    work_.clear();
  }

 private:
  std::vector<std::shared_ptr<UnderWay>> work_;
};

}  // namespace ranvier::cuda

#include "tests/emulator/runtime/streams.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "tests/emulator/runtime/capture.h"
#include "tests/emulator/runtime/devices.h"

namespace emulator {

struct Stream {
  explicit Stream(int on) : device(on), worker([this] { serve(); }) {}
  ~Stream() {
    {
      const std::lock_guard lock(mutex);
      closing = true;
    }
    changed.notify_all();
    worker.join();
  }

  void add(Work work) {
    {
      const std::lock_guard lock(mutex);
      queue.push_back(std::move(work));
    }
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return queue.empty() && !busy; });
  }
  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return !queue.empty() || closing; });
      if (queue.empty()) return;
      Work work = std::move(queue.front());
      queue.pop_front();
      busy = true;
      lock.unlock();
      work();
      work = nullptr;  // lets go of what it holds before it counts as done
      lock.lock();
      busy = false;
      if (queue.empty()) changed.notify_all();
    }
  }

  const int device;
  std::shared_ptr<Capture> capture;  // with the lock of captures

  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<Work> queue;
  bool busy = false, closing = false;
  std::thread worker;
};

namespace {

/// Whether work that was asked for is done.
class Moment {
 public:
  void come() {
    {
      const std::lock_guard lock(mutex_);
      has_come_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return has_come_; });
  }
  bool has_come() {
    const std::lock_guard lock(mutex_);
    return has_come_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_come_ = false;
};

std::mutex& lock_of_captures() {
  static auto& only = *new std::mutex;
  return only;
}

struct AllStreams {
  std::mutex mutex;
  std::set<Stream*> streams;
};
AllStreams& all_streams() {
  static auto& only = *new AllStreams;
  return only;
}

}  // namespace

/// Where it was recorded last: in a stream's work, or in a capture.
struct Event {
  int device;
  std::shared_ptr<Moment> moment{};
  std::shared_ptr<Capture> capture{};
  Nodes nodes{};
};

struct Graph {
  std::vector<Work> work;
};

struct Executable {
  std::shared_ptr<const std::vector<Work>> work;
};

cudaError_t enqueue(Stream* stream, Work work) {
  {
    const std::lock_guard lock(lock_of_captures());
    if (stream->capture) {
      if (!stream->capture->is_valid()) return said(cudaErrorStreamCaptureInvalidated);
      stream->capture->add(stream, std::move(work));
      return cudaSuccess;
    }
  }
  stream->add(std::move(work));
  return cudaSuccess;
}

bool is_capturing(Stream* stream) {
  const std::lock_guard lock(lock_of_captures());
  return stream->capture != nullptr;
}

int device_of(Stream* stream) { return stream->device; }

// Streams may come and go meanwhile: another device's work may need some that are not there yet.
void wait_for_device(int device) {
  std::vector<std::shared_ptr<Moment>> ends;
  {
    const std::lock_guard lock(all_streams().mutex);
    for (Stream* const stream : all_streams().streams)
      if (stream->device == device) {
        ends.push_back(std::make_shared<Moment>());
        stream->add([end = ends.back()] { end->come(); });
      }
  }
  for (const std::shared_ptr<Moment>& end : ends) end->wait();
}

}  // namespace emulator

using namespace emulator;

cudaError_t cudaDeviceGetStreamPriorityRange(int* lowest, int* highest) {
  *lowest = 0;
  *highest = -1;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = new Stream(current_device());
  const std::lock_guard lock(all_streams().mutex);
  all_streams().streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int /*priority*/) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  {
    const std::lock_guard lock(all_streams().mutex);
    if (all_streams().streams.erase(stream) == 0) return said(cudaErrorInvalidResourceHandle);
  }
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  {
    const std::lock_guard lock(lock_of_captures());
    if (stream->capture) {
      stream->capture->invalidate();
      return said(cudaErrorStreamCaptureUnsupported);
    }
  }
  stream->wait();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = new Event{.device = current_device()};
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (event->device != stream->device) return said(cudaErrorInvalidResourceHandle);
  {
    const std::lock_guard lock(lock_of_captures());
    event->moment = nullptr;
    event->capture = stream->capture;
    if (stream->capture) {
      event->nodes = stream->capture->tail(stream);
      return cudaSuccess;
    }
    event->moment = std::make_shared<Moment>();
  }
  return enqueue(stream, [moment = event->moment] { moment->come(); });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(lock_of_captures());
  if (event->capture) {
    event->capture->invalidate();
    return said(cudaErrorCapturedEvent);
  }
  return event->moment && !event->moment->has_come() ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  std::shared_ptr<Moment> moment;
  {
    const std::lock_guard lock(lock_of_captures());
    if (event->capture) {
      if (event->capture->has_ended()) return said(cudaErrorInvalidValue);
      if (stream->capture && stream->capture != event->capture)
        return said(cudaErrorStreamCaptureIsolation);
      stream->capture = event->capture;
      stream->capture->join(stream, event->nodes);
      return cudaSuccess;
    }
    if (stream->capture) {
      stream->capture->invalidate();
      return said(cudaErrorStreamCaptureIsolation);
    }
    moment = event->moment;
  }
  if (!moment) return cudaSuccess;
  return enqueue(stream, [moment] { moment->wait(); });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  const std::lock_guard lock(lock_of_captures());
  if (stream->capture) return said(cudaErrorStreamCaptureUnsupported);
  stream->capture = std::make_shared<Capture>(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(lock_of_captures());
  *status = !stream->capture              ? cudaStreamCaptureStatusNone
            : stream->capture->is_valid() ? cudaStreamCaptureStatusActive
                                          : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  const std::lock_guard lock(lock_of_captures());
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) return said(cudaErrorInvalidValue);
  if (!capture->begun_on(stream)) return said(cudaErrorStreamCaptureUnmatched);
  for (Stream* const each : capture->streams()) each->capture = nullptr;
  std::vector<Work> work = capture->take_work();
  if (!capture->is_valid()) return said(cudaErrorStreamCaptureInvalidated);
  if (!capture->is_joined()) return said(cudaErrorStreamCaptureUnjoined);
  *graph = new Graph{std::move(work)};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long /*flags*/) {
  *executable = new Executable{std::make_shared<const std::vector<Work>>(graph->work)};
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (is_capturing(stream)) return said(cudaErrorStreamCaptureUnsupported);
  return enqueue(stream, [work = executable->work] {
    for (const Work& each : *work) each();
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

// Streams, events, graphs and memory of emulated devices.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/emulator/runtime/streams.h"
#include "tests/support/catch.h"

namespace {

class TestStream {
 public:
  TestStream() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  ~TestStream() { cudaStreamDestroy(stream_); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class TestEvent {
 public:
  TestEvent() { cudaEventCreateWithFlags(&event_, cudaEventDisableTiming); }
  ~TestEvent() { cudaEventDestroy(event_); }
  TestEvent(const TestEvent&) = delete;
  TestEvent& operator=(const TestEvent&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Memory of a device.
class TestBlock {
 public:
  explicit TestBlock(std::size_t bytes) { cudaMalloc(&block_, bytes); }
  ~TestBlock() { cudaFree(block_); }
  TestBlock(const TestBlock&) = delete;
  TestBlock& operator=(const TestBlock&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(block_); }

 private:
  void* block_ = nullptr;
};

void wait_a_moment() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

}  // namespace

TEST_CASE("a stream does its work in order and beside who asks for it") {
  const TestStream stream;
  std::atomic<bool> go = false;
  std::vector<int> order;
  emulator::enqueue(stream, [&] { go.wait(false); });
  for (int i = 0; i < 3; ++i) emulator::enqueue(stream, [&order, i] { order.push_back(i); });
  go = true;
  go.notify_all();
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(order == std::vector<int>{0, 1, 2});
}

TEST_CASE("an event holds other streams back") {
  const TestStream first, second;
  const TestEvent event;
  std::atomic<int> value = 0;
  int seen = -1;
  CHECK(cudaEventQuery(event) == cudaSuccess);  // nothing was recorded yet
  emulator::enqueue(first, [&] {
    wait_a_moment();
    value = 7;
  });
  cudaEventRecord(event, first);
  CHECK(cudaEventQuery(event) == cudaErrorNotReady);
  cudaStreamWaitEvent(second, event, 0);
  emulator::enqueue(second, [&] { seen = value; });
  cudaStreamSynchronize(second);
  CHECK(seen == 7);
  CHECK(cudaEventQuery(event) == cudaSuccess);
}

TEST_CASE("a graph does again what was captured on streams that join") {
  const TestStream origin, other;
  const TestEvent fork, join;
  int sum = 0;
  cudaStreamBeginCapture(origin, cudaStreamCaptureModeRelaxed);
  emulator::enqueue(origin, [&] { sum += 1; });
  cudaEventRecord(fork, origin);
  cudaStreamWaitEvent(other, fork, 0);
  emulator::enqueue(other, [&] { sum *= 10; });
  cudaEventRecord(join, other);
  cudaStreamWaitEvent(origin, join, 0);
  emulator::enqueue(origin, [&] { sum += 2; });
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(origin, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  cudaGraphDestroy(graph);
  CHECK(sum == 0);
  for (const int wanted : {12, 132}) {
    cudaGraphLaunch(executable, origin);
    cudaStreamSynchronize(origin);
    CHECK(sum == wanted);
  }
  cudaGraphExecDestroy(executable);
  CHECK(cudaStreamWaitEvent(other, join, 0) == cudaErrorInvalidValue);  // of a capture that ended
  emulator::enqueue(other, [&] { sum = 0; });                           // no longer captured
  cudaStreamSynchronize(other);
  CHECK(sum == 0);
}

TEST_CASE("captures that break the rules fail when they end") {
  const TestStream origin, other;
  const TestEvent event, outside;
  cudaGraph_t graph = nullptr;
  const auto begin = [&] {
    REQUIRE(cudaStreamBeginCapture(origin, cudaStreamCaptureModeRelaxed) == cudaSuccess);
  };
  begin();  // work of another stream that nothing comes after
  cudaEventRecord(event, origin);
  cudaStreamWaitEvent(other, event, 0);
  emulator::enqueue(other, [] {});
  CHECK(cudaStreamEndCapture(origin, &graph) == cudaErrorStreamCaptureUnjoined);
  CHECK(graph == nullptr);

  begin();  // a wait
  CHECK(cudaStreamSynchronize(origin) == cudaErrorStreamCaptureUnsupported);
  CHECK(emulator::enqueue(origin, [] {}) == cudaErrorStreamCaptureInvalidated);
  CHECK(cudaStreamEndCapture(origin, &graph) == cudaErrorStreamCaptureInvalidated);

  begin();  // a question about an event of the capture
  cudaEventRecord(event, origin);
  CHECK(cudaEventQuery(event) == cudaErrorCapturedEvent);
  CHECK(cudaStreamEndCapture(origin, &graph) == cudaErrorStreamCaptureInvalidated);

  begin();  // an event of work that is not captured
  cudaEventRecord(outside, other);
  CHECK(cudaStreamWaitEvent(origin, outside, 0) == cudaErrorStreamCaptureIsolation);
  CHECK(cudaStreamEndCapture(origin, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(cudaStreamSynchronize(origin) == cudaSuccess);
}

TEST_CASE("copies from the host take its bytes at once, copies to it wait") {
  const TestStream stream;
  const TestBlock block(8);
  std::vector<char> bytes{1, 2, 3, 4};
  emulator::enqueue(stream, [] { wait_a_moment(); });
  cudaMemcpyAsync(block.data(), bytes.data(), 4, cudaMemcpyDefault, stream);
  bytes.assign(4, 0);
  cudaMemcpyAsync(block.data() + 4, block.data(), 4, cudaMemcpyDeviceToDevice, stream);
  cudaMemcpyAsync(bytes.data(), block.data() + 4, 4, cudaMemcpyDefault, stream);
  CHECK(bytes == std::vector<char>{1, 2, 3, 4});
}

TEST_CASE("what does not lie in a block of a device is refused") {
  const TestStream stream;
  const TestBlock block(8);
  std::vector<char> bytes(16);
  CHECK(cudaMemcpyAsync(block.data(), bytes.data(), 9, cudaMemcpyDefault, stream) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(block.data(), bytes.data(), 8, cudaMemcpyDeviceToDevice, stream) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(bytes.data(), 0, 8, stream) == cudaErrorInvalidValue);
  CHECK(cudaFree(block.data() + 1) == cudaErrorInvalidValue);
  void* none = nullptr;
  CHECK(cudaMalloc(&none, std::size_t{1} << 40) == cudaErrorMemoryAllocation);
  CHECK(none == nullptr);
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
}

// Ranks that are threads or processes and exchange messages over the emulated NCCL.
#include <nccl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}
void wait_a_moment() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

/// Bytes on the current device.
class TestBytes {
 public:
  explicit TestBytes(std::size_t count, int first = 0) : count_(count) {
    ncclMemAlloc(&block_, std::max<std::size_t>(count, 1));
    for (std::size_t i = 0; i < count; ++i) data()[i] = value(first, i);
  }
  ~TestBytes() { ncclMemFree(block_); }
  TestBytes(const TestBytes&) = delete;
  TestBytes& operator=(const TestBytes&) = delete;

  unsigned char* data() const { return static_cast<unsigned char*>(block_); }
  std::size_t size() const { return count_; }
  /// True if they are those of TestBytes(size(), first).
  bool begin_with(int first) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (data()[i] != value(first, i)) return false;
    return true;
  }

 private:
  static unsigned char value(int first, std::size_t i) {
    return static_cast<unsigned char>((static_cast<std::size_t>(first) + i * 7) % 251);
  }

  const std::size_t count_;
  void* block_ = nullptr;
};

/// A rank with a device; its methods are those of NCCL, on a stream of its own.
class Rank {
 public:
  Rank(const ncclUniqueId& id, int ranks, int rank, int device) : ranks_(ranks), rank_(rank) {
    cudaSetDevice(device);
    cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    require(ncclCommInitRankConfig(&communicator_, ranks, id, rank, &config) == ncclInProgress,
            "a rank begins to connect");
  }
  ~Rank() {
    abort();
    cudaStreamDestroy(stream_);
  }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;

  int ranks() const { return ranks_; }
  int rank() const { return rank_; }
  cudaStream_t stream() const { return stream_; }
  ncclComm_t communicator() const { return communicator_; }

  ncclResult_t state() const {
    ncclResult_t state = ncclInternalError;
    ncclCommGetAsyncError(communicator_, &state);
    return state;
  }
  ncclResult_t state_after(ncclResult_t before) const {
    while (state() == before) std::this_thread::yield();
    return state();
  }
  ncclResult_t send(const TestBytes& bytes, int to) const {
    return ncclSend(bytes.data(), bytes.size(), ncclUint8, to, communicator_, stream_);
  }
  ncclResult_t receive(TestBytes& bytes, int from) const {
    return ncclRecv(bytes.data(), bytes.size(), ncclUint8, from, communicator_, stream_);
  }
  void wait() const { cudaStreamSynchronize(stream_); }
  void abort() {
    if (communicator_ != nullptr) ncclCommAbort(std::exchange(communicator_, nullptr));
  }

 private:
  const int ranks_, rank_;
  cudaStream_t stream_ = nullptr;
  ncclComm_t communicator_ = nullptr;
};

ncclUniqueId new_id() {
  ncclUniqueId id{};
  REQUIRE(ncclGetUniqueId(&id) == ncclSuccess);
  return id;
}

/// A rank alone, connected.
class Alone : public Rank {
 public:
  Alone() : Rank(new_id(), 1, 0, 0) { REQUIRE(state_after(ncclInProgress) == ncclSuccess); }
};

using Body = std::function<void(Rank&)>;

/// Nothing, or what `body` found wrong.
std::string fault_of(const Body& body, const ncclUniqueId& id, int ranks, int rank) {
  try {
    Rank own(id, ranks, rank, rank);
    require(own.state_after(ncclInProgress) == ncclSuccess, "a rank is connected");
    body(own);
    return {};
  } catch (const std::exception& error) {
    return std::to_string(rank) + ": " + error.what() + "\n";
  }
}

/// What `body` finds wrong on ranks that are threads.
std::string faults(int ranks, const Body& body) {
  const ncclUniqueId id = new_id();
  std::vector<std::future<std::string>> each;
  for (int rank = 0; rank < ranks; ++rank)
    each.push_back(std::async(std::launch::async, fault_of, body, id, ranks, rank));
  std::string all;
  for (auto& one : each) all += one.get();
  return all;
}

/// Which of the ranks, as processes, did not end well.
std::vector<int> faulty_processes(int ranks, const Body& body) {
  const ncclUniqueId id = new_id();
  std::vector<pid_t> processes;
  for (int rank = 0; rank < ranks; ++rank)
    if (processes.push_back(::fork()); processes.back() == 0)
      ::_exit(fault_of(body, id, ranks, rank).empty() ? 0 : 1);
  std::vector<int> faulty;
  for (int rank = 0; rank < ranks; ++rank) {
    int status = 0;
    ::waitpid(processes[static_cast<std::size_t>(rank)], &status, 0);
    if (status != 0) faulty.push_back(rank);
  }
  return faulty;
}

/// In one group, which each rank asks for in an order of its own.
void everything_to_everybody(Rank& own, std::size_t count) {
  std::vector<std::unique_ptr<TestBytes>> sent, received;
  for (int other = 0; other < own.ranks(); ++other) {
    sent.push_back(std::make_unique<TestBytes>(count, 10 * own.rank() + other));
    received.push_back(std::make_unique<TestBytes>(count));
  }
  ncclGroupStart();
  for (int i = 0; i < own.ranks(); ++i) {
    const int other = (own.rank() + i) % own.ranks();
    own.send(*sent[static_cast<std::size_t>(other)], other);
    own.receive(*received[static_cast<std::size_t>(own.ranks() - 1 - i)], own.ranks() - 1 - i);
  }
  require(ncclGroupEnd() == ncclSuccess, "a group is asked for");
  own.wait();
  for (int from = 0; from < own.ranks(); ++from)
    require(received[static_cast<std::size_t>(from)]->begin_with(10 * from + own.rank()),
            "what each sent arrives");
}

void exchanges_of_all_sizes(Rank& own) {
  for (const std::size_t count : {0u, 1u, 1000u, 3'000'001u, 5u})
    everything_to_everybody(own, count);
}

/// A graph of what `body` asks for on the rank's stream.
class TestGraph {
 public:
  TestGraph(const Rank& rank, const std::function<void()>& body) : stream_(rank.stream()) {
    cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed);
    body();
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream_, &graph);
    cudaGraphInstantiate(&executable_, graph, 0);
    cudaGraphDestroy(graph);
  }
  ~TestGraph() { cudaGraphExecDestroy(executable_); }
  TestGraph(const TestGraph&) = delete;
  TestGraph& operator=(const TestGraph&) = delete;

  void launch() const { cudaGraphLaunch(executable_, stream_); }

 private:
  cudaStream_t stream_;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace

TEST_CASE("ranks exchange messages of all sizes") {
  for (const int ranks : {1, 2, 4}) CHECK(faults(ranks, exchanges_of_all_sizes) == "");
}

TEST_CASE("ranks may be processes") {
  CHECK(faulty_processes(3, exchanges_of_all_sizes) == std::vector<int>{});
}

TEST_CASE("messages between two ranks match in order") {
  const auto body = [](Rank& own) {
    TestBytes first(1000, 1), second(1000, 2), third(30, 3);
    if (own.rank() == 0) {
      for (const TestBytes* each : {&first, &second, &third}) own.send(*each, 1);
    } else {
      TestBytes received(1000), next(1000), last(30);
      ncclGroupStart();
      own.receive(received, 0);
      own.receive(next, 0);
      ncclGroupEnd();
      own.receive(last, 0);
      own.wait();
      require(received.begin_with(1) && next.begin_with(2) && last.begin_with(3),
              "the order is that of the sender");
    }
    own.wait();
  };
  CHECK(faults(2, body) == "");
}

TEST_CASE("each launch of a graph exchanges anew what its arrays hold then") {
  const auto body = [](Rank& own) {
    const int other = 1 - own.rank();
    TestBytes sent(70'000), received(70'000);
    const TestGraph graph(own, [&] {
      ncclGroupStart();
      own.send(sent, other);
      own.receive(received, other);
      ncclGroupEnd();
    });
    for (int launch = 1; launch < 4; ++launch) {
      const TestBytes fresh(sent.size(), 10 * launch + own.rank());
      cudaMemcpyAsync(sent.data(), fresh.data(), sent.size(), cudaMemcpyDefault, own.stream());
      graph.launch();
      own.wait();
      require(received.begin_with(10 * launch + other), "a launch sends anew");
    }
  };
  CHECK(faults(2, body) == "");
}

TEST_CASE("a communicator ends with the last graph that knows it") {
  Alone own;
  TestBytes from(10, 1), to(10);
  auto graph = std::make_unique<TestGraph>(own, [&] {
    ncclGroupStart();
    own.send(from, 0);
    own.receive(to, 0);
    ncclGroupEnd();
  });
  graph->launch();
  own.wait();
  const cudaStream_t stream = own.stream();
  const auto aborted = std::async(std::launch::async, [&] { own.abort(); });
  CHECK(aborted.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  from.data()[0] = 99;
  graph->launch();  // without effect
  cudaStreamSynchronize(stream);
  CHECK(to.begin_with(1));
  graph.reset();
  aborted.wait();
}

TEST_CASE("an abort ends what waits, here and on ranks that need this one") {
  const auto body = [](Rank& own) {
    TestBytes large(4 << 20), bytes(100);
    if (own.rank() == 0) {
      own.receive(bytes, 1);  // which never sends
      wait_a_moment();
      own.abort();
      require(cudaStreamSynchronize(own.stream()) == cudaSuccess, "its work is over");
      return;
    }
    own.rank() == 1 ? own.receive(bytes, 0) : own.send(large, 0);  // which does neither
    own.wait();
    require(own.state() == ncclRemoteError, "the other rank is lost");
    require(own.send(large, 0) == ncclRemoteError, "an error stays");
  };
  CHECK(faults(3, body) == "");
}

TEST_CASE("ranks that need a killed process are told so") {
  const auto body = [](Rank& own) {
    TestBytes bytes(100);
    if (own.rank() == 1) {
      own.receive(bytes, 0);
      own.wait();
      ::raise(SIGKILL);
    }
    if (own.rank() == 0) own.send(bytes, 1);
    own.receive(bytes, 1);
    own.wait();
    require(own.state() == ncclRemoteError, "the killed rank is lost");
  };
  CHECK(faulty_processes(3, body) == std::vector<int>{1});
}

TEST_CASE("an abort ends the wait for ranks that never come") {
  Rank own(new_id(), 2, 0, 0);
  wait_a_moment();
  CHECK(own.state() == ncclInProgress);
  TestBytes bytes(1);
  CHECK(own.send(bytes, 1) == ncclInvalidArgument);
  own.abort();
}

TEST_CASE("ranks with one device, or one number, are refused") {
  const ncclUniqueId id = new_id();
  const auto state = [&](int rank) {
    return std::async(std::launch::async, [&id, rank] {
      const Rank own(id, 3, rank, rank == 2 ? 1 : rank);
      return own.state_after(ncclInProgress);
    });
  };
  auto first = state(0), second = state(1), third = state(2);
  for (auto* each : {&first, &second, &third}) CHECK(each->get() == ncclInvalidUsage);
  const ncclUniqueId other = new_id();
  const Rank one(other, 2, 0, 0);
  wait_a_moment();
  const Rank same(other, 2, 0, 1);
  CHECK(same.state_after(ncclInProgress) == ncclInvalidUsage);
}

TEST_CASE("a message of another size than expected is an error of its communicator") {
  const auto body = [](Rank& own) {
    TestBytes sent(2 << 20), room(1000);
    own.rank() == 0 ? own.send(sent, 1) : own.receive(room, 0);
    own.wait();
    require(own.state() == (own.rank() == 0 ? ncclRemoteError : ncclInvalidUsage), "it is found");
    own.rank() == 0 ? own.send(sent, 1) : own.receive(room, 0);
  };
  CHECK(faults(2, body) == "");
}

TEST_CASE("messages to oneself match in their group") {
  Alone own;
  TestBytes from(10, 1), to(10), shorter(9);
  CHECK(own.send(from, 0) == ncclInvalidUsage);
  CHECK(own.receive(to, 0) == ncclInvalidUsage);
  ncclGroupStart();
  CHECK(own.send(from, 0) == ncclSuccess);
  CHECK(own.receive(shorter, 0) == ncclSuccess);
  CHECK(ncclGroupEnd() == ncclInvalidUsage);
  ncclGroupStart();
  ncclGroupStart();
  own.receive(to, 0);
  CHECK(ncclGroupEnd() == ncclSuccess);
  own.send(from, 0);
  CHECK(ncclGroupEnd() == ncclSuccess);
  own.wait();
  CHECK(to.begin_with(1));
  CHECK(own.state() == ncclSuccess);
}

TEST_CASE("what NCCL does not define is refused") {
  Alone own;
  TestBytes bytes(10);
  std::vector<unsigned char> on_host(10);
  const auto send = [&](const void* array, ncclComm_t communicator, cudaStream_t stream) {
    return ncclSend(array, 10, ncclUint8, 0, communicator, stream);
  };
  CHECK(ncclGroupEnd() == ncclInvalidUsage);
  CHECK(own.send(bytes, 1) == ncclInvalidArgument);
  CHECK(own.send(bytes, -1) == ncclInvalidArgument);
  CHECK(send(nullptr, own.communicator(), own.stream()) == ncclInvalidArgument);
  CHECK(send(on_host.data(), own.communicator(), own.stream()) == ncclInvalidArgument);
  CHECK(send(bytes.data() + 1, own.communicator(), own.stream()) == ncclInvalidArgument);
  CHECK(send(bytes.data(), nullptr, own.stream()) == ncclInvalidArgument);
  CHECK(send(bytes.data(), own.communicator(), nullptr) == ncclInvalidArgument);
  const Alone second;
  ncclGroupStart();
  CHECK(send(bytes.data(), own.communicator(), own.stream()) == ncclSuccess);
  CHECK(send(bytes.data(), own.communicator(), second.stream()) == ncclInvalidUsage);
  CHECK(ncclGroupEnd() == ncclInvalidUsage);  // the whole group
  const ncclComm_t aborted = own.communicator();
  own.abort();
  CHECK(send(bytes.data(), aborted, own.stream()) == ncclInvalidArgument);
  CHECK(ncclCommAbort(aborted) == ncclInvalidArgument);
  ncclConfig_t config{};
  ncclComm_t none = nullptr;
  CHECK(ncclCommInitRankConfig(&none, 1, new_id(), 0, &config) == ncclInvalidArgument);
  config = NCCL_CONFIG_INITIALIZER;
  CHECK(ncclCommInitRankConfig(&none, 1, {}, 0, &config) == ncclInvalidArgument);
  CHECK(ncclCommInitRankConfig(&none, 2, new_id(), 2, &config) == ncclInvalidArgument);
  CHECK(none == nullptr);
}

TEST_CASE("memory is registered until it is said otherwise, or its communicator ends") {
  Alone own;
  void *block = nullptr, *handle = nullptr;
  const auto allocate = [&] {
    REQUIRE(ncclMemAlloc(&block, 100) == ncclSuccess);
    REQUIRE(ncclCommRegister(own.communicator(), block, 100, &handle) == ncclSuccess);
  };
  allocate();
  CHECK(handle != nullptr);
  CHECK(ncclCommDeregister(own.communicator(), block) == ncclInvalidArgument);
  const Alone other;
  CHECK(ncclCommDeregister(other.communicator(), handle) == ncclInvalidArgument);
  CHECK(ncclCommDeregister(own.communicator(), handle) == ncclSuccess);
  CHECK(ncclCommDeregister(own.communicator(), handle) == ncclInvalidArgument);
  CHECK(ncclMemFree(block) == ncclSuccess);
  allocate();
  CHECK(ncclMemFree(block) == ncclInvalidUsage);
  ::setenv("NCCL_LOCAL_REGISTER", "0", 1);
  allocate();
  ::unsetenv("NCCL_LOCAL_REGISTER");
  CHECK(handle == nullptr);
  CHECK(ncclMemFree(block) == ncclSuccess);
  allocate();
  own.abort();
  CHECK(ncclMemFree(block) == ncclSuccess);
  CHECK(ncclMemAlloc(&block, std::size_t{1} << 40) == ncclUnhandledCudaError);
  CHECK(cudaGetLastError() == cudaSuccess);
}

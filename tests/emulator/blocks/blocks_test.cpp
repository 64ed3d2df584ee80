// Threads of emulated blocks: what they see of each other, and what is told of those that wait for
// ever.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <numeric>
#include <string>
#include <vector>

#include "ranvier/core/detail/cuda_language.h"
#include "ranvier/core/detail/ptx.h"
#include "tests/support/catch.h"

namespace {

using ranvier::cuda::block_memory;
using ranvier::cuda::Grid;
using ranvier::cuda::launch_kernel;

/// A stream of the first device, and kernels that are waited for.
class Launcher {
 public:
  Launcher() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  ~Launcher() { cudaStreamDestroy(stream_); }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  template <class... Parameters, class... Args>
  void operator()(const Grid& grid, void (*kernel)(Parameters...), const Args&... args) {
    launch_kernel(grid, stream_, kernel, args...);
    cudaStreamSynchronize(stream_);
  }

 private:
  cudaStream_t stream_ = nullptr;
};

/// out[i] is what the thread opposite wrote to shared memory.
template <bool waits>
__global__ void mirror(int* out) {
  auto* const values = reinterpret_cast<int*>(&block_memory[0]);
  values[threadIdx.x] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if constexpr (waits) __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

template <bool waits>
bool mirrors() {
  constexpr unsigned blocks = 3, threads = 70;
  std::vector<int> out(blocks * threads);
  Launcher()({blocks, threads, threads * sizeof(int)}, mirror<waits>, out.data());
  for (unsigned i = 0; i < out.size(); ++i) {
    const unsigned block = i / threads, thread = i % threads;
    if (out[i] != static_cast<int>(block * threads + threads - 1 - thread)) return false;
  }
  return true;
}

__global__ void sum_of_warp(float* sums, int* votes) {
  float value = static_cast<float>(threadIdx.x);
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 1);
  sums[threadIdx.x] = value;
  votes[threadIdx.x] = __popc(odd);
}

__global__ void sum_of_those_left(unsigned* sums) {
  if (threadIdx.x % 4 == 3) return;
  sums[threadIdx.x] = __reduce_add_sync(0xffffffffu, threadIdx.x);
}

__global__ void next_lane(unsigned* values) {
  values[threadIdx.x] = __shfl_down_sync(0xffffffffu, threadIdx.x, 1);
}

/// What lies in the target of a copy before and after the thread waits for it.
__global__ void copy_in_groups(const float* from, float* before, float* after) {
  auto* const slots = reinterpret_cast<float*>(&block_memory[0]);
  ranvier::cuda::copy_async<4>(slots, from);
  ranvier::cuda::commit_copies();
  ranvier::cuda::copy_async<4>(slots + 1, from + 1);
  ranvier::cuda::commit_copies();
  before[0] = slots[0];
  ranvier::cuda::wait_for_copies<1>();
  before[1] = slots[1];
  after[0] = slots[0];
  ranvier::cuda::wait_for_copies<0>();
  after[1] = slots[1];
}

__global__ void read_unwritten(float* out) {
  out[0] = reinterpret_cast<const float*>(&block_memory[0])[0];
}

__global__ void wait_at_two_places() {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void wait_without_a_lane() {
  if (threadIdx.x != 5) __ballot_sync(0xffffffffu, true);
  __syncthreads();
}

/// What a process says that runs `body`, and ends by an abort.
template <class Body>
std::string last_words(const Body& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // Catch2 would report the test case as failed
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  char buffer[256];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;)
    words.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  return words;
}

}  // namespace

TEST_CASE("threads see what others wrote before a barrier, and else they miss it") {
  CHECK(mirrors<true>());
  CHECK_FALSE(mirrors<false>());
}

TEST_CASE("lanes of a warp exchange values") {
  constexpr int lanes = 32;
  std::vector<float> sums(lanes);
  std::vector<int> votes(lanes);
  Launcher()({1, lanes}, sum_of_warp, sums.data(), votes.data());
  CHECK(sums == std::vector<float>(lanes, 31 * 32 / 2));
  CHECK(votes == std::vector<int>(lanes, 16));
  std::vector<unsigned> next(lanes);
  Launcher()({1, lanes}, next_lane, next.data());
  for (unsigned i = 0; i < lanes; ++i) CHECK(next[i] == std::min(i + 1, 31u));
}

TEST_CASE("lanes that have ended are not waited for") {
  std::vector<unsigned> sums(32);
  Launcher()({1, 32}, sum_of_those_left, sums.data());
  const unsigned all = 31 * 32 / 2, ended = 8 * 3 + 4 * (7 * 8 / 2);
  for (unsigned i = 0; i < 32; ++i) CHECK(sums[i] == (i % 4 == 3 ? 0 : all - ended));
}

TEST_CASE("asynchronous copies are done when the thread waits for them") {
  const std::vector<float> from{1, 2};
  std::vector<float> before(2), after(2);
  Launcher()({1, 1, 16}, copy_in_groups, from.data(), before.data(), after.data());
  CHECK(std::isnan(before[0]));
  CHECK(std::isnan(before[1]));
  CHECK(after == from);
}

TEST_CASE("shared memory that was not written holds no numbers") {
  std::vector<float> out(1);
  Launcher()({1, 1, 16}, read_unwritten, out.data());
  CHECK(std::isnan(out[0]));
}

TEST_CASE("threads that wait for each other for ever are reported") {
  const std::string places = last_words([] { Launcher()({1, 32}, wait_at_two_places); });
  CHECK_THAT(places, ranvier::test::contains("threads of block 0 wait for each other for ever") &&
                         ranvier::test::contains("from thread 0 on at a barrier") &&
                         ranvier::test::contains("from thread 1 on at a barrier"));
  const std::string lane = last_words([] { Launcher()({1, 32}, wait_without_a_lane); });
  CHECK_THAT(lane, ranvier::test::contains("from thread 0 on in an operation of a warp") &&
                       ranvier::test::contains("from thread 5 on at a barrier"));
}

TEST_CASE("launches that no device accepts are errors") {
  for (const Grid& grid : {Grid{0, 32}, Grid{1, 0}, Grid{1, 1025}, Grid{1, 32, 49'153}}) {
    Launcher()(grid, wait_without_a_lane);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    CHECK(cudaGetLastError() == cudaSuccess);
  }
}

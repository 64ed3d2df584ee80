// One GPU can hold one rank only, which may exchange messages with itself.
#include "ranvier/distributed/nccl_transport.h"

#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/self_transport.h"
#include "tests/distributed/transport_conformance.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

/// Empty if NCCL can be used.
std::string why_no_nccl() {
  try {
    static_cast<void>(nccl_version());
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("NCCL is there, or why it is not is said") {
  const std::string why = why_no_nccl();
  if (why.empty()) {
    CHECK_THAT(nccl_version(), contains("2."));
  } else {
    CHECK_THAT(why, contains("[nccl] NCCL cannot be used: "));
    SKIP(why);
  }
}

TEST_CASE("ranks over NCCL need a GPU each") {
  const auto hosts = open_self();
  CHECK_ERROR(open_nccl(*hosts, cpu_device), ErrorCode::device,
              "[nccl] each rank needs a CUDA device; rank 0 (process");
  const int count = cuda_device_count();
  CHECK_ERROR(open_nccl(*hosts, {DeviceType::cuda, count}), ErrorCode::device, "is not available");
}

TEST_CASE("two ranks with one GPU are told so") {
  const auto open = [](Transport& hosts) { open_nccl(hosts, cuda_device); };
  CHECK_ERROR(run_local(2, open), ErrorCode::device, "have the same GPU, cuda:0; NCCL wants one");
}

TEST_CASE("a rank over NCCL exchanges messages with itself", "[cuda]") {
  RV_NEEDS_CUDA();
  if (const std::string why = why_no_nccl(); !why.empty()) SKIP(why);
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  CHECK(transport->kind() == "nccl");
  for (const std::int64_t count : {0, 1, 1000, 16 << 20}) {
    INFO(count << " elements");
    const Tensor small = random_values({3}, 1), large = random_values({count}, 2);
    const auto exchange = transport->exchange(
        {{0, small.to(cuda_device)}, {0, large.to(cuda_device)}},
        {{0, {3}, {.device = cuda_device}}, {0, {count}, {.device = cuda_device}}},
        Channel::collective);
    const std::vector<Tensor> got = exchange->finish();
    check_same(got[0], small, 0);
    check_same(got[1], large, 0);
    CHECK(exchange->ready());
  }
  const Tensor packed = any_bits({5, 70}, DType::bits, 3);
  transport->send(packed.to(cuda_device), 0, Channel::state);
  check_same(
      transport->receive({5, 70}, {.dtype = DType::bits, .device = cuda_device}, 0, Channel::state),
      packed, 0);
  Tensor values = random_values({100}, 4).to(cuda_device);
  all_reduce(Group::all(*transport), values);
  check_same(values, random_values({100}, 4), 0);
  transport->flush();
}

TEST_CASE("arrays of the CPU go beside NCCL", "[cuda]") {
  RV_NEEDS_CUDA();
  if (const std::string why = why_no_nccl(); !why.empty()) SKIP(why);
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  for (const auto& [name, run] : transport_programs()) {
    if (name == "messages are announced" || name == "wrong expectations") continue;  // not by NCCL
    INFO(name);
    CHECK_NOTHROW(run(*transport));
  }
}

// One GPU can hold one rank only, which may exchange messages with itself.
#include "ranvier/distributed/nccl_transport.h"

#include <optional>

#include "ranvier/core/cuda_graph.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/self_transport.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/slice.h"
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

/// Begins the body of a test case that needs NCCL and a GPU.
#define RV_NEEDS_NCCL()                                                 \
  do {                                                                  \
    RV_NEEDS_CUDA();                                                    \
    if (const std::string why = why_no_nccl(); !why.empty()) SKIP(why); \
  } while (false)

Expected from_self(const Shape& shape) { return {0, shape, {.device = cuda_device}}; }

/// The messages of a sum over several ranks, between this one and itself: slices of `values` and
/// then what becomes of them, with other work at the same time.
Tensor doubled_by_messages(Transport& transport, const Tensor& values) {
  const std::int64_t count = values.numel(), cut = count / 3;
  const auto addends =
      transport.exchange({{0, slice(values, 0, 0, cut)}, {0, slice(values, 0, cut, count)}},
                         {from_self({cut}), from_self({count - cut})}, Channel::addend);
  Tensor whole = clone(values);
  const std::vector<Tensor> got = addends->finish();
  Tensor begin = slice(whole, 0, 0, cut), end = slice(whole, 0, cut, count);
  copy_into(begin, add(begin, got[0]));
  copy_into(end, add(end, got[1]));
  const auto sums = transport.exchange({{0, whole}}, {from_self({count})}, Channel::sum);
  Tensor sum = sums->finish()[0];
  transport.flush();
  fill(whole, 0);  // after it was taken off this rank's hands
  return sum;
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
  RV_NEEDS_NCCL();
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
    CHECK_FALSE(exchange->ready());  // the order of what ranks ask for must not depend on it
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
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  for (const auto& [name, run] : transport_programs()) {
    if (name == "messages are announced" || name == "wrong expectations") continue;  // not by NCCL
    INFO(name);
    CHECK_NOTHROW(run(*transport));
  }
}

TEST_CASE("gradients travel in memory that NCCL knows, again and again", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  auto transport = open_nccl(*hosts, cuda_device);
  WARN(transport->details());
  CHECK_THAT(transport->details(), contains("NCCL 2.") && contains("registered memory"));
  Tensor last;
  for (const std::int64_t count : {3, 1000, 1001, 3 << 20, 1000}) {
    INFO(count << " elements");
    const Tensor values = random_values({count}, 5);
    const Tensor on_cuda = values.to(cuda_device);
    last = doubled_by_messages(*transport, on_cuda);
    check_same(last, add(values, values), 0);
    check_same(on_cuda, values, 0);
  }
  transport.reset();
  const Tensor values = random_values({1000}, 5);
  check_same(last, add(values, values), 0);  // a message may outlive its transport
}

TEST_CASE("messages that were recorded are sent anew by every launch", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  Tensor x = random_values({10'001}, 1).to(cuda_device), sum, gathered, state;
  const auto body = [&] {
    sum = doubled_by_messages(*transport, x);
    const auto gather =
        transport->exchange({{0, sum}}, {from_self(x.shape())}, Channel::collective);
    gathered = add(gather->finish()[0], x);
    transport->send(gathered, 0, Channel::state);
    state = transport->receive(x.shape(), {.device = cuda_device}, 0, Channel::state);
  };
  body();  // once for real: NCCL makes its connections
  const std::int64_t sent = transport->bytes_sent();
  std::optional<CudaGraph> graph(std::in_place, cuda_device, body);
  CHECK(transport->bytes_sent() == 2 * sent);
  for (int i = 0; i < 5; ++i) {
    INFO("launch " << i);
    const Tensor fresh = random_values(x.shape(), 10 + static_cast<std::uint64_t>(i));
    copy_into(x, fresh);
    graph->launch();
    check_same(sum, add(fresh, fresh), 0);
    check_same(state, add(add(fresh, fresh), fresh), 0);
    check_same(gathered, add(add(fresh, fresh), fresh), 0);
    check_same(doubled_by_messages(*transport, x), add(fresh, fresh), 0);  // not recorded, between
  }
  CHECK(transport->bytes_sent() == 2 * sent + 5 * 2 * x.nbytes());  // launches are not counted
  graph.reset();
  body();
  check_same(state, add(sum, x).to(cpu_device), 0);
}

TEST_CASE("sums and copies over a group can be recorded", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  const Group group = Group::all(*transport);
  Tensor x = random_values({500}, 1).to(cuda_device), gathered;
  const auto body = [&] {
    all_reduce(group, x);
    broadcast(group, x);
    AllReduce sums(group);
    sums.add(x);
    sums.finish();
    gathered = all_gather(group, x)[0];
  };
  body();
  const CudaGraph graph(cuda_device, body);
  const Tensor fresh = random_values({500}, 2);
  copy_into(x, fresh);
  graph.launch();
  check_same(gathered, fresh, 0);
}

TEST_CASE("an exchange that nobody finished is part of what was recorded", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  const Tensor x = random_values({1000}, 1).to(cuda_device);
  for (const Channel channel : {Channel::collective, Channel::addend}) {
    INFO(name(channel));
    const auto begin = [&] { return transport->exchange({{0, x}}, {from_self({1000})}, channel); };
    begin();
    const CudaGraph graph(cuda_device, [&] { CHECK_FALSE(begin()->ready()); });
    graph.launch();
    synchronize(cuda_device);
    check_same(begin()->finish()[0], random_values({1000}, 1), 0);
  }
}

TEST_CASE("a recording of messages that fails leaves the transport in order", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const auto transport = open_nccl(*hosts, cuda_device);
  const Tensor x = random_values({1000}, 1).to(cuda_device);
  const auto move = [&] { return doubled_by_messages(*transport, x); };
  move();
  const auto record = [&] { const CudaGraph graph(cuda_device, [&] { to_vector(move()); }); };
  CHECK_ERROR(record(), ErrorCode::device, "CUDA reports");
  check_same(move(), add(x, x).to(cpu_device), 0);
}

TEST_CASE("a graph of messages and its transport end in either order", "[cuda]") {
  RV_NEEDS_NCCL();
  const auto hosts = open_self();
  const Tensor x = random_values({1000}, 1).to(cuda_device);
  for (const bool gives_up : {false, true}) {
    INFO(gives_up);
    auto transport = open_nccl(*hosts, cuda_device);
    const auto body = [&] { static_cast<void>(doubled_by_messages(*transport, x)); };
    body();
    std::optional<CudaGraph> graph(std::in_place, cuda_device, body);
    graph->launch();
    synchronize(cuda_device);
    if (gives_up) {
      transport->abort("the test gives up");
      CHECK_ERROR(body(), ErrorCode::communication, "the test gives up");
    }
    transport.reset();
    graph.reset();
    check_same(x, random_values({1000}, 1), 0);
  }
}

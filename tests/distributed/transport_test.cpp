#include "ranvier/distributed/transport.h"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "ranvier/distributed/core_share.h"
#include "ranvier/distributed/detail/mailboxes.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/self_transport.h"
#include "tests/distributed/transport_conformance.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

TEST_CASE("a rank alone keeps the promises of a transport") {
  const auto transport = open_self();
  CHECK(transport->kind() == "self");
  CHECK(transport->size() == 1);
  for (const auto& [name, run] : transport_programs()) {
    INFO(name);
    CHECK_NOTHROW(run(*transport));
  }
}

TEST_CASE("1 to 8 threads keep the promises of a transport") {
  for (int ranks = 1; ranks <= 8; ++ranks)
    for (const auto& [name, run] : transport_programs()) {
      INFO(name << ", " << ranks << " ranks");
      CHECK_NOTHROW(run_local(ranks, run));
    }
}

TEST_CASE("a rank alone and one thread have the same results and messages") {
  const auto transport = open_self();
  const Trace alone = trace(*transport);
  run_local(1, [&](Transport& t) { require_same(trace(t), alone); });
  CHECK(alone.messages.empty());
}

TEST_CASE("threads send what a run of theirs sent before, whatever their timing") {
  std::vector<Trace> first(3), second(3);
  for (auto* traces : {&first, &second})
    run_local(3, [&](Transport& t) { (*traces)[static_cast<std::size_t>(t.rank())] = trace(t); });
  for (std::size_t rank = 0; rank < 3; ++rank) {
    INFO("rank " << rank);
    CHECK_NOTHROW(require_same(first[rank], second[rank]));
    CHECK(first[rank].messages.size() > 20);
  }
}

TEST_CASE("nobody passes a barrier before all have come") {
  std::atomic<int> come = 0;
  std::atomic<bool> early = false;
  run_local(4, [&](Transport& t) {
    for (int round = 1; round <= 50; ++round) {
      ++come;
      barrier(Group::all(t));
      if (come < 4 * round) early = true;
      barrier(Group::all(t));
    }
  });
  CHECK_FALSE(early);
}

TEST_CASE("threads have generators of their own that begin where the caller's is") {
  seed(11);
  uniform({8}, 0, 1);
  const Generator start = default_generator();
  Generator expected = start;
  const std::vector<double> numbers = to_vector(uniform({100}, 0, 1, expected));
  std::atomic<int> same = 0;
  run_local(3, [&](Transport&) { same += to_vector(uniform({100}, 0, 1)) == numbers; });
  CHECK(same == 3);
  CHECK(default_generator().next_block == start.next_block);
}

TEST_CASE("the first error of a thread reaches the caller with its rank, the others end") {
  std::atomic<int> told = 0;
  const auto run = [&] {
    run_local(4, [&](Transport& t) {
      if (t.rank() == 2) fail(ErrorCode::non_finite, "[loss] the loss is {}.", "nan");
      try {
        t.receive({1}, {}, (t.rank() + 1) % 4, Channel::state);
      } catch (const Error& error) {
        told +=
            std::string(error.what()).find("rank 2 (a thread of process") != std::string::npos &&
            std::string(error.what()).find("gave up: [loss] the loss is nan.") != std::string::npos;
        throw;
      }
    });
  };
  CHECK_ERROR(run(), ErrorCode::non_finite, "[run_local] rank 2: [loss] the loss is nan.");
  CHECK(told == 3);
}

TEST_CASE("what has arrived can be received after a rank gave up, to wait for more is an error") {
  run_local(2, [](Transport& t) {
    if (t.rank() == 0) {
      t.send(full({1}, 4), 1, Channel::state);
      t.abort("it had enough");
      return;
    }
    require(t.receive({1}, {}, 0, Channel::state).item() == 4, "what was sent arrives");
    while (t.trouble().empty()) std::this_thread::yield();
    std::string what;
    try {
      t.receive({1}, {}, 0, Channel::state);
    } catch (const Error& error) {
      require(error.code() == ErrorCode::communication, "its kind is communication");
      what = error.what();
    }
    require(what == fmt::format("[transport] {} gave up: it had enough", t.describe(0)), what);
  });
}

TEST_CASE("waiting for a rank that has ended is an error") {
  CHECK_ERROR(run_local(2,
                        [](Transport& t) {
                          if (t.rank() == 1) t.receive({1}, {}, 0, Channel::control);
                        }),
              ErrorCode::communication, "still waits for a message of it on channel 'control'");
}

TEST_CASE("waiting for an own message that was not sent is an error") {
  CHECK_ERROR(open_self()->receive({1}, {}, 0, Channel::state), ErrorCode::communication,
              "waits on channel 'state' for a message of its own that it has not sent");
}

TEST_CASE("ranks that wait for each other for longer than patience are told") {
  CHECK_ERROR(
      run_local(3, [](Transport& t) { t.receive({1}, {}, (t.rank() + 1) % 3, Channel::sum); },
                {.patience = 0.1}),
      ErrorCode::communication, "have been waiting for each other for 0.1 s");
}

namespace {

/// Rank 0 of 2, whose neighbour's messages arrive on channel `sum` first.
class SumsComeFirst final : public Transport {
 public:
  std::string_view kind() const override { return "sums first"; }
  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::string describe(int) const override { return "a rank"; }
  bool arrived(int, Channel channel) override { return channel == Channel::sum; }
  void flush() override {}
  void abort(const std::string&) override {}
  std::string trouble() const override { return {}; }

 private:
  void do_send(const Tensor&, int, Channel) override {}
  Tensor do_receive(const Shape& shape, const TensorOptions&, int, Channel channel) override {
    return full(shape, channel == Channel::addend ? 10 : 100);
  }
};

}  // namespace

TEST_CASE("of a rank that was silent since it waited nobody says that it still does") {
  constexpr double patience = 0.1;
  detail::Mailboxes boxes(0, {"rank 0", "rank 1"}, patience);
  boxes.heard(1);
  boxes.heard(1, {.waits_for = 0, .received = 5});
  std::thread beats([&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(4 * patience));
    boxes.pass_time(2 * patience);
  });
  CHECK_ERROR(boxes.take(1, Channel::state), ErrorCode::communication,
              "rank 1 has been silent for 0.1 s");
  beats.join();
}

TEST_CASE("a sum in the background is complete even if others' sums come before their addends") {
  SumsComeFirst transport;
  Tensor values = full({4}, 1);
  AllReduce sums(Group::all(transport), 1);
  sums.add(values);
  sums.finish();
  CHECK(to_vector(values) == std::vector<double>{11, 11, 100, 100});
}

TEST_CASE("ranks of a machine know how many cores they have between them") {
  const CoreShare alone = core_share(Group::all(*open_self()));
  CHECK(alone.ranks == 1);
  CHECK(alone.cores >= 1);
  CHECK(alone.threads() == alone.cores);
  std::array<CoreShare, 3> shares;
  run_local(3, [&](Transport& transport) {
    shares.at(static_cast<std::size_t>(transport.rank())) = core_share(Group::all(transport));
  });
  for (const CoreShare& share : shares) CHECK((share.ranks == 3 && share.cores == alone.cores));
  const CoreShare many{.ranks = 2, .cores = 9}, few{.ranks = 4, .cores = 2};
  CHECK((many.threads() == 4 && !many.scarce(4) && many.scarce(5)));
  CHECK((few.threads() == 1 && few.scarce(1)));
}

TEST_CASE("groups, sums and ranks that cannot be are refused") {
  const auto transport = open_self();
  CHECK_ERROR(Group(*transport, {0, 0}), ErrorCode::invalid_argument,
              "[group] rank 0 is in the group more than once");
  CHECK_ERROR(Group(*transport, {1}), ErrorCode::invalid_argument, "[group] there is no rank 1");
  CHECK_ERROR(Group(*transport, {}), ErrorCode::invalid_argument, "not a member of its own group");
  const Group group = Group::all(*transport);
  Tensor bytes = zeros({3}, {.dtype = DType::u8});
  CHECK_ERROR(all_reduce(group, bytes), ErrorCode::invalid_argument,
              "[all_reduce] needs f32, f64 or i64; got u8");
  CHECK_ERROR(AllReduce(group).add(bytes), ErrorCode::invalid_argument,
              "buckets hold f32 or f64; got u8");
  CHECK_ERROR(AllReduce(group, 0), ErrorCode::invalid_argument, "bucket_bytes must be > 0; got 0");
  CHECK_ERROR(broadcast(group, bytes, 1), ErrorCode::invalid_argument,
              "[broadcast] root must be in [0, 1); got 1");
  CHECK_ERROR(all_gather(group, bytes, {3, 3}), ErrorCode::invalid_argument,
              "needs a length for each of 1 members; got 2");
  CHECK_ERROR(all_gather(group, bytes, {2}), ErrorCode::invalid_argument,
              "member 0 has (3,) and should have 2 along the first axis");
  CHECK_ERROR(run_local(0, [](Transport&) {}), ErrorCode::invalid_argument,
              "[run_local] ranks must be >= 1; got 0");
  CHECK_ERROR(run_local(1, [](Transport&) {}, {.patience = 0}), ErrorCode::invalid_argument,
              "patience must be > 0 seconds; got 0");
}

// What every transport does, as programs that all ranks run. A broken promise throws, as Catch2's
// macros may not be used by several threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/core/partition.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tensor.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/transport.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/values.h"

namespace ranvier::test {

inline void require(bool kept, const std::string& promise) {
  if (!kept) throw std::runtime_error("broken promise: " + promise);
}

inline const std::vector<Channel>& channels() {
  static const std::vector<Channel> all{Channel::state,      Channel::state_gradient,
                                        Channel::collective, Channel::addend,
                                        Channel::sum,        Channel::control};
  return all;
}

/// Any bits, which differ between seeds; unused bits of packed rows are zero.
inline Tensor any_bits(const Shape& shape, DType dtype, std::uint64_t seed) {
  Tensor result = zeros(shape, {.dtype = dtype});
  Generator generator{.seed = seed};
  const Tensor bytes = uniform({result.nbytes()}, 0, 256, generator);
  auto* const out = reinterpret_cast<std::uint8_t*>(result.mutable_raw_data());
  for (std::int64_t i = 0; i < result.nbytes(); ++i)
    out[i] = static_cast<std::uint8_t>(bytes.data<float>()[i]);
  if (dtype == DType::bits && shape.rank() > 0 && shape[-1] % 64 != 0)
    for (std::int64_t row = words_per_row(shape[-1]); row <= result.nbytes() / 8;
         row += words_per_row(shape[-1]))
      result.mutable_data<std::uint64_t>()[row - 1] &= (std::uint64_t{1} << (shape[-1] % 64)) - 1;
  return result;
}

inline std::uint64_t seed_of(int from, int to, int number) {
  return static_cast<std::uint64_t>((from * 100 + to) * 1000 + number);
}

inline void order_of_messages(Transport& t) {
  constexpr int count = 20;
  for (int number = 0; number < count; ++number)
    for (const Channel channel : channels())
      for (int to = 0; to < t.size(); ++to)
        t.send(full({3}, static_cast<double>(seed_of(t.rank(), to, number)), {.dtype = DType::i64}),
               to, channel);
  for (int from = t.size() - 1; from >= 0; --from)
    for (auto channel = channels().rbegin(); channel != channels().rend(); ++channel)
      for (int number = 0; number < count; ++number) {
        const Tensor got = t.receive({3}, {.dtype = DType::i64}, from, *channel);
        require(got.data<std::int64_t>()[2] ==
                    static_cast<std::int64_t>(seed_of(from, t.rank(), number)),
                fmt::format("message {} of rank {} on '{}' is the one sent", number, from,
                            name(*channel)));
      }
}

inline void all_dtypes_and_shapes(Transport& t) {
  const std::vector<Shape> shapes{{},      {0}, {3, 0, 2}, {1}, {5, 70}, {2, 1, 1, 1, 1, 1, 1, 64},
                                  {10'000}};
  const std::vector<DType> dtypes{DType::f32, DType::f64, DType::f16, DType::bf16,
                                  DType::u8,  DType::i64, DType::bits};
  const auto for_all = [&](auto body) {
    for (std::size_t s = 0; s < shapes.size(); ++s)
      for (std::size_t d = 0; d < dtypes.size(); ++d)
        for (int other = 0; other < t.size(); ++other)
          body(shapes[s], dtypes[d], other, static_cast<int>(s * dtypes.size() + d));
  };
  for_all([&](const Shape& shape, DType dtype, int to, int number) {
    t.send(any_bits(shape, dtype, seed_of(t.rank(), to, number)), to, Channel::state);
  });
  for_all([&](const Shape& shape, DType dtype, int from, int number) {
    const Tensor got = t.receive(shape, {.dtype = dtype}, from, Channel::state);
    require(same_bits(got, any_bits(shape, dtype, seed_of(from, t.rank(), number))),
            fmt::format("{} {} arrives as it was", dtype, shape));
  });
}

inline void many_messages_both_ways(Transport& t) {
  constexpr int count = 100;
  for (int number = 0; number < count; ++number)
    for (int to = 0; to < t.size(); ++to)
      t.send(random_values({1000}, seed_of(t.rank(), to, number)), to, Channel::state);
  for (int number = 0; number < count; ++number)
    for (int from = 0; from < t.size(); ++from)
      require(same_bits(t.receive({1000}, {}, from, Channel::state),
                        random_values({1000}, seed_of(from, t.rank(), number))),
              "many messages at once arrive in order");
}

inline void large_messages(Transport& t) {
  const Shape shape{64 << 18};  // 64 MiB
  const int last = t.size() - 1;
  // A small one behind a large one waits for it.
  const auto send_to = [&](int to) {
    t.send(full(shape, t.rank() + 0.5), to, Channel::state);
    t.send(full({1}, 7), to, Channel::state);
  };
  const auto receive_from = [&](int from) {
    const Tensor large = t.receive(shape, {}, from, Channel::state);
    require(same_bits(large, full(shape, from + 0.5)), "64 MiB arrive");
    require(t.receive({1}, {}, from, Channel::state).item() == 7, "and then one element");
  };
  if (t.rank() == 0) send_to(last);
  if (t.rank() == last) send_to(0);
  if (t.rank() == 0) receive_from(last);
  if (t.rank() == last) receive_from(0);
  t.flush();
}

inline void exchanges(Transport& t) {
  const Shape shape{50'000};
  const auto begin = [&](int number) {
    std::vector<ToSend> sends;
    std::vector<Expected> expected;
    for (int other = t.size() - 1; other >= 0; --other) {
      sends.push_back({other, random_values(shape, seed_of(t.rank(), other, number))});
      expected.push_back({other, shape, {}});
    }
    return t.exchange(sends, std::move(expected), Channel::collective);
  };
  const auto finish = [&](Exchange& exchange, int number) {
    while (!exchange.ready()) std::this_thread::yield();
    const std::vector<Tensor> got = exchange.finish();
    for (int i = 0; i < t.size(); ++i) {
      const int other = t.size() - 1 - i;
      require(same_bits(got[static_cast<std::size_t>(i)],
                        random_values(shape, seed_of(other, t.rank(), number))),
              "an exchange gives what was expected of each rank, in that order");
    }
  };
  const auto first = begin(1), second = begin(2);
  finish(*first, 1);
  finish(*second, 2);
  require(t.exchange({}, {}, Channel::collective)->finish().empty(), "an exchange may be empty");
}

inline void messages_are_announced(Transport& t) {
  require(!t.arrived(t.rank(), Channel::state), "nothing has arrived that was not sent");
  const int next = (t.rank() + 1) % t.size(), before = (t.rank() + t.size() - 1) % t.size();
  t.send(full({2}, t.rank()), next, Channel::state_gradient);
  t.flush();
  while (!t.arrived(before, Channel::state_gradient)) std::this_thread::yield();
  require(!t.arrived(before, Channel::state), "channels are told apart");
  require(t.receive({2}, {}, before, Channel::state_gradient).data<float>()[1] ==
              static_cast<float>(before),
          "what was announced is there");
  require(!t.arrived(before, Channel::state_gradient), "a message arrives once");
  barrier(Group::all(t));  // before the next program sends
}

inline void wrong_expectations(Transport& t) {
  const auto error_of = [](auto body) -> std::string {
    try {
      body();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const int next = (t.rank() + 1) % t.size(), before = (t.rank() + t.size() - 1) % t.size();
  const auto mismatch = [&](const Shape& shape, DType dtype) {
    t.send(zeros({2, 3}), next, Channel::state);
    const std::string what =
        error_of([&] { t.receive(shape, {.dtype = dtype}, before, Channel::state); });
    require(what == fmt::format("[receive] {} expects {} {} on channel 'state', and {} sent f32 "
                                "(2, 3): they do not run the same program.",
                                t.describe(t.rank()), dtype, shape, t.describe(before)),
            "another shape or dtype is an error that names both; got: " + what);
  };
  mismatch({3, 2}, DType::f32);
  mismatch({2, 3}, DType::i64);
  for (const int wrong : {-1, t.size()}) {
    require(
        error_of([&] { t.send(zeros({1}), wrong, Channel::state); }) ==
            fmt::format("[send] there is no rank {}; the ranks are 0 to {}.", wrong, t.size() - 1),
        "a rank that is not there cannot be sent to");
    require(error_of([&] {
              t.exchange({{wrong, zeros({1})}}, {}, Channel::state);
            }).starts_with("[exchange] there is no rank"),
            "nor exchanged with");
    require(error_of([&] {
              t.receive({1}, {}, wrong, Channel::state);
            }).starts_with("[receive] there is no rank"),
            "nor received from");
  }
  t.send(full({1}, 3), next, Channel::state);
  require(t.receive({1}, {}, before, Channel::state).item() == 3, "all goes on after such errors");
}

inline void own_messages(Transport& t) {
  Tensor values = random_values({100}, 5);
  const Tensor kept = clone(values);
  t.send(values, t.rank(), Channel::state);
  t.send(values, t.rank(), Channel::state);
  const Tensor first = t.receive({100}, {}, t.rank(), Channel::state);
  fill(values, 0);
  require(same_bits(first, kept), "what a rank sends itself is a copy");
  require(same_bits(t.receive({100}, {}, t.rank(), Channel::state), kept), "always");
}

/// The sum over the members in their order, worked out alone.
inline Tensor expected_sum(const Group& group, const Shape& shape, int number, DType dtype) {
  const auto of_member = [&](int i) {
    return random_values(shape, seed_of(group.rank(i), 0, number), dtype);
  };
  Tensor sum = of_member(0);
  for (int i = 1; i < group.size(); ++i) {
    const Tensor next = of_member(i);
    for (std::int64_t j = 0; j < sum.numel(); ++j) {
      if (dtype == DType::f32)
        sum.mutable_data<float>()[j] += next.data<float>()[j];
      else if (dtype == DType::f64)
        sum.mutable_data<double>()[j] += next.data<double>()[j];
      else
        sum.mutable_data<std::int64_t>()[j] += next.data<std::int64_t>()[j];
    }
  }
  return sum;
}

inline Tensor own_values(const Group& group, const Shape& shape, int number, DType dtype) {
  if (dtype == DType::i64) {
    Tensor values = empty(shape, {.dtype = dtype});
    for (std::int64_t i = 0; i < values.numel(); ++i)
      values.mutable_data<std::int64_t>()[i] = group.index() * 1000 + number + i;
    return values;
  }
  return random_values(shape, seed_of(group.rank(group.index()), 0, number), dtype);
}

/// This rank's group among some that cover all: everybody; neighbours in pairs, the higher first.
inline std::vector<Group> some_groups(Transport& t) {
  std::vector<int> pair{t.rank() | 1, t.rank() & ~1};
  if (pair[0] >= t.size()) pair = {t.rank()};
  return {Group::all(t), Group(t, pair)};
}

inline void sums(Transport& t) {
  int number = 0;
  for (const Group& group : some_groups(t))
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{5}, Shape{33, 41}})
      for (const DType dtype : {DType::f32, DType::f64}) {
        Tensor values = own_values(group, shape, number, dtype);
        all_reduce(group, values);
        require(same_bits(values, expected_sum(group, shape, number++, dtype)),
                fmt::format("all_reduce adds {} {} up in order", dtype, shape));
      }
  const Group all = Group::all(t);
  Tensor counts =
      from_vector(std::vector<std::int64_t>{t.rank() + 1, 1, std::int64_t{1} << 60}, {3});
  all_reduce(all, counts);
  const std::int64_t n = t.size();
  require(counts.data<std::int64_t>()[0] == n * (n + 1) / 2 &&
              counts.data<std::int64_t>()[1] == n &&
              static_cast<std::uint64_t>(counts.data<std::int64_t>()[2]) ==
                  static_cast<std::uint64_t>(n) << 60,
          "all_reduce adds integers up");

  const std::int64_t before = t.bytes_sent(), length = n * 100;
  Tensor values = zeros({length});
  all_reduce(all, values);
  require(t.bytes_sent() - before == 2 * (n - 1) * length * 4 / n,
          "all_reduce sends 2 (size - 1) / size of the array");
}

inline void copies(Transport& t) {
  for (const Group& group : some_groups(t)) {
    std::vector<std::int64_t> lengths;
    for (int i = 0; i < group.size(); ++i) lengths.push_back(i % 3);
    const auto of_member = [&](int i) {
      return random_values({lengths[static_cast<std::size_t>(i)], 4}, seed_of(group.rank(i), 1, 1));
    };
    const std::vector<Tensor> uneven = all_gather(group, of_member(group.index()), lengths);
    const std::vector<Tensor> scalars = all_gather(group, scalar(group.index()));
    const std::vector<std::string> texts =
        all_gather_text(group, std::string(static_cast<std::size_t>(3 * group.index()), 'x'));
    for (int i = 0; i < group.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      require(same_bits(uneven[at], of_member(i)), "all_gather gives each member's array");
      require(scalars[at].item() == i, "all_gather takes scalars");
      require(texts[at] == std::string(3 * at, 'x'), "texts of any length are gathered");
    }
    constexpr std::int64_t rows = 11;
    const Tensor whole = random_values({rows, 3}, 5);
    const Slice own = Slice::of(rows, group.index(), group.size());
    const Tensor part = slice(whole, 0, own.begin, own.end);
    require(same_bits(all_gather_parts(group, part, rows), whole), "parts are put together");
    require(same_bits(reduce_scatter(group, full({rows, 3}, group.index() + 1)),
                      full({own.length(), 3}, group.size() * (group.size() + 1) / 2)),
            "reduce_scatter adds up each member's part");
    for (int root = 0; root < group.size(); ++root) {
      Tensor values = any_bits({3, 70}, DType::bits, seed_of(group.rank(group.index()), 2, root));
      broadcast(group, values, root);
      require(same_bits(values, any_bits({3, 70}, DType::bits, seed_of(group.rank(root), 2, root))),
              "broadcast gives all the root's array");
    }
    barrier(group);
  }
}

/// Sums in the background and in the foreground at once.
inline void sums_meanwhile(Transport& t) {
  const Group group = Group::all(t);
  const auto dtype_of = [](int number) { return number % 4 == 3 ? DType::f64 : DType::f32; };
  for (const std::int64_t bucket_bytes : {1, 3000, 1 << 20}) {
    std::vector<Tensor> arrays;
    AllReduce background(group, bucket_bytes);
    for (int number = 0; number < 9; ++number) {
      arrays.push_back(own_values(group, {number * 50, 3}, number, dtype_of(number)));
      background.add(arrays.back());
      Tensor other = own_values(group, {77}, 20 + number, DType::f32);
      all_reduce(group, other);
      require(same_bits(other, expected_sum(group, {77}, 20 + number, DType::f32)),
              "a sum may be taken while others are under way");
    }
    background.finish();
    for (int number = 0; number < 9; ++number)
      require(same_bits(arrays[static_cast<std::size_t>(number)],
                        expected_sum(group, {number * 50, 3}, number, dtype_of(number))),
              "sums in buckets are those of all_reduce");
  }
}

struct TransportProgram {
  std::string_view name;
  void (*run)(Transport& transport);
};

/// For any number of ranks; none leaves a message behind.
inline const std::vector<TransportProgram>& transport_programs() {
  static const std::vector<TransportProgram> programs{
      {"messages of a channel arrive in order", order_of_messages},
      {"all dtypes and shapes", all_dtypes_and_shapes},
      {"many messages both ways at once", many_messages_both_ways},
      {"large messages", large_messages},
      {"exchanges", exchanges},
      {"messages are announced", messages_are_announced},
      {"wrong expectations", wrong_expectations},
      {"a rank's own messages", own_messages},
      {"sums", sums},
      {"copies", copies},
      {"sums meanwhile", sums_meanwhile},
  };
  return programs;
}

/// What one rank ends with: results, and what it sent, by receiver and channel.
struct Trace {
  std::vector<Tensor> results;
  std::vector<MessageRecord> messages;
  std::int64_t bytes = 0;
};

/// A state handed from rank to rank and its gradient back, as sharding over time does it, and sums
/// whose bits depend on the order of addition.
inline Trace trace(Transport& t) {
  const std::int64_t bytes_before = t.bytes_sent();
  const std::size_t first = t.messages().size();
  t.record_messages(true);
  Trace trace;
  const Group all = Group::all(t);
  AllReduce gradients(all, 1000);
  for (int layer = 0; layer < 4; ++layer) {
    Tensor state = random_values({6, 10}, static_cast<std::uint64_t>(layer));
    if (t.rank() > 0) state = t.receive({6, 10}, {}, t.rank() - 1, Channel::state);
    for (std::int64_t i = 0; i < state.numel(); ++i)
      state.mutable_data<float>()[i] *= 0.7f + static_cast<float>(t.rank());
    if (t.rank() + 1 < t.size()) t.send(state, t.rank() + 1, Channel::state);
    trace.results.push_back(clone(state));
    Tensor statistics = random_values({17}, seed_of(t.rank(), layer, 1));
    all_reduce(all, statistics);
    trace.results.push_back(statistics);
    trace.results.push_back(random_values({123}, seed_of(t.rank(), layer, 2)));
    gradients.add(trace.results.back());
  }
  gradients.finish();
  for (const Tensor& each : all_gather(all, trace.results[3])) trace.results.push_back(each);
  t.record_messages(false);
  trace.messages.assign(t.messages().begin() + static_cast<std::ptrdiff_t>(first),
                        t.messages().end());
  std::stable_sort(trace.messages.begin(), trace.messages.end(),
                   [](const MessageRecord& a, const MessageRecord& b) {
                     return std::tie(a.to, a.channel) < std::tie(b.to, b.channel);
                   });
  trace.bytes = t.bytes_sent() - bytes_before;
  return trace;
}

inline void require_same(const Trace& a, const Trace& b) {
  require(a.results.size() == b.results.size(), "transports give as many results");
  for (std::size_t i = 0; i < a.results.size(); ++i)
    require(same_bits(a.results[i], b.results[i]),
            fmt::format("result {} is the same on all transports", i));
  require(a.messages == b.messages, "the messages are the same on all transports");
  require(a.bytes == b.bytes, "as many bytes are sent on all transports");
}

}  // namespace ranvier::test

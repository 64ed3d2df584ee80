#include "ranvier/data/device_order.h"

#include "ranvier/core/cuda_graph.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

/// Delivers the indices it is asked for.
struct Indices {
  struct Batch {
    std::vector<double> samples;
    void release_shared() {}
  };
  std::int64_t count = 103;
  std::int64_t size() const { return count; }
  void fetch(std::span<const std::int64_t> samples, const Draw&, Batch& batch) const {
    batch.samples.assign(samples.begin(), samples.end());
  }
};

const LoaderOptions options{.batch_size = 10, .shuffle = true, .drop_last = true, .seed = 5};

/// Checks what `next` makes of the order against the batches of a loader.
template <class Next>
void check_batches(DeviceOrder& order, const LoaderOptions& options, const Next& next) {
  const Indices set;
  DataLoader loader(set, options);
  CHECK(order.batches() == loader.batches());
  for (const LoaderCursor cursor : {LoaderCursor{}, {.epoch = 1}, {.epoch = 7, .batch = 4}}) {
    order.start(cursor);
    for (const Indices::Batch& batch : loader.epoch(cursor)) {
      next();
      CHECK(to_vector(order.samples()) == batch.samples);
    }
    CHECK(to_vector(order.draw()) == std::vector<double>{5, static_cast<double>(cursor.epoch)});
    next();
    CHECK(to_vector(order.samples()) ==
          std::vector<double>(static_cast<std::size_t>(order.samples().numel()), -1.0));
  }
}

}  // namespace

TEST_CASE("an order names the batches of a loader, from any cursor on") {
  DeviceOrder order(103, options);
  check_batches(order, options, [&] { order.next(); });
}

TEST_CASE("an order names one part of the batches of a loader") {
  for (const BatchPart part : {BatchPart{0, 3}, BatchPart{2, 3}, BatchPart{1, 2, 5}}) {
    INFO("part " << part.index << " of " << part.count << " in " << part.rounds << " rounds");
    LoaderOptions own = options;
    own.part = part;
    DeviceOrder order(103, own);
    check_batches(order, own, [&] { order.next(); });
  }
}

TEST_CASE("recorded work takes the batches of a loader from an order on its device", "[cuda]") {
  RV_NEEDS_CUDA();
  DeviceOrder order(103, options, cuda_device);
  const CudaGraph graph(cuda_device, [&] { order.next(); });
  check_batches(order, options, [&] { graph.launch(); });
}

TEST_CASE("an order on a CUDA device has batches of any size", "[cuda]") {
  RV_NEEDS_CUDA();
  const LoaderOptions large{.batch_size = 1000, .drop_last = true};
  DeviceOrder order(2500, large, cuda_device);
  order.start({.batch = 1});
  order.next();
  const std::vector<double> samples = to_vector(order.samples());
  CHECK(samples.front() == 1000);
  CHECK(samples.back() == 1999);
}

TEST_CASE("an order refuses batches of different sizes and cursors out of range") {
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(DeviceOrder(103, {.batch_size = 10}), code,
              "[device_order] batches are all of one size, and 103 samples are not a multiple of "
              "batch_size 10: set drop_last.");
  CHECK_ERROR(DeviceOrder(0, options), code, "[loader] the data set is empty.");
  DeviceOrder order(103, options);
  CHECK_ERROR((order.start({.batch = 11}), 0), code, "it cannot begin at batch 11.");
}

}  // namespace ranvier::test

// Timing, and what a benchmark prints.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/core/device.h"
#include "ranvier/core/tensor.h"

namespace ranvier::apps {

/// What was seen over several runs of one thing.
struct Measurement {
  std::string name;
  double median_ms = 0, fastest_ms = 0, slowest_ms = 0;
  int runs = 0;
  /// Further figures with their units in the name: {"GB/s", 51.2}.
  std::vector<std::pair<std::string, double>> figures{};
};

/// Median, fastest and slowest of `milliseconds`. Error: none given.
Measurement summarise_runs(std::string name, std::vector<double> milliseconds);

/// Runs `body` once to warm up and then `runs` times. What a CUDA device does is timed in
/// `cuda_calls` calls at a time, between two waits for it, so that the waits do not count.
inline constexpr int cuda_calls = 20;
template <class Body>
Measurement measure(std::string name, int runs, Body&& body, Device device = cpu_device) {
  using Clock = std::chrono::steady_clock;
  const int calls = device.type == DeviceType::cpu ? 1 : cuda_calls;
  body();
  synchronize(device);
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const auto start = Clock::now();
    for (int call = 0; call < calls; ++call) body();
    synchronize(device);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count() /
                    calls);
  }
  return summarise_runs(std::move(name), std::move(times));
}

/// One line of JSON: name, median_ms, fastest_ms, slowest_ms, runs and the figures.
std::string to_json_line(const Measurement& measurement);

/// One row of the table, and its heading.
std::string to_row(const Measurement& measurement);
std::string row_heading();

/// Ones with probability `density`, else zeros, in f32.
Tensor random_spikes(const Shape& shape, double density);

struct BenchOptions {
  int runs = 9;
  std::int64_t batch = 128;
  std::int64_t channels = 128;
  std::int64_t neurons = std::int64_t{1} << 20;
  Device device = cpu_device;
};

/// The groups of benchmarks; each returns its measurements in order.
std::vector<Measurement> bench_copy(const BenchOptions& options);
std::vector<Measurement> bench_neurons(const BenchOptions& options);
std::vector<Measurement> bench_delays(const BenchOptions& options);
std::vector<Measurement> bench_fused(const BenchOptions& options);
std::vector<Measurement> bench_linear_lif(const BenchOptions& options);
std::vector<Measurement> bench_products(const BenchOptions& options);
std::vector<Measurement> bench_feed(const BenchOptions& options);
std::vector<Measurement> bench_csnn(const BenchOptions& options);
std::vector<Measurement> bench_mlp(const BenchOptions& options);
std::vector<Measurement> bench_ssc(const BenchOptions& options);
std::vector<Measurement> bench_shards(const BenchOptions& options);

}  // namespace ranvier::apps

#include "ranvier/data/generate/randman.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {
namespace {

// Epochs that no training reaches, so that no transform draws the same numbers.
constexpr std::int64_t manifold_epoch = std::int64_t{1} << 55, point_epoch = manifold_epoch + 1;
constexpr double least_amplitude = 1e-3;  // of the highest frequency
constexpr std::int64_t most_frequencies = 1000;

/// The functions of one class, one for each channel.
class Manifold {
 public:
  Manifold(const RandmanOptions& options, std::int64_t index)
      : dimension_(static_cast<std::size_t>(options.dimension)),
        waves_(static_cast<std::size_t>(frequencies(options.smoothness))) {
    RandomStream random({options.seed, manifold_epoch}, index);
    parameters_.resize(static_cast<std::size_t>(options.channels) * dimension_ * waves_);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const double k = static_cast<double>(i % waves_ + 1);
      parameters_[i] = {.amplitude = std::pow(k, -options.smoothness) * random.uniform(),
                        .frequency = 2 * std::numbers::pi * k * random.uniform(),
                        .phase = 2 * std::numbers::pi * random.uniform()};
    }
  }

  double operator()(std::size_t channel, const std::vector<double>& point) const {
    const Wave* wave = &parameters_[channel * dimension_ * waves_];
    double product = 1;
    for (std::size_t d = 0; d < dimension_; ++d) {
      double sum = 0;
      for (std::size_t k = 0; k < waves_; ++k, ++wave)
        sum += wave->amplitude * std::sin(wave->frequency * point[d] + wave->phase);
      product *= sum;
    }
    return product;
  }

 private:
  struct Wave {
    double amplitude, frequency, phase;
  };

  static std::int64_t frequencies(double smoothness) {
    const double count = std::ceil(std::pow(least_amplitude, -1 / smoothness));
    return count < most_frequencies ? static_cast<std::int64_t>(count) : most_frequencies;
  }

  std::size_t dimension_, waves_;
  std::vector<Wave> parameters_;
};

void check(const RandmanOptions& o) {
  const auto in = [](std::int64_t value, std::int64_t least, std::int64_t most, const char* what) {
    RV_CHECK(value >= least && value <= most, "[randman] {} must be in [{}, {}]; got {}.", what,
             least, most, value);
  };
  constexpr std::int64_t most_samples = 10'000'000;
  in(o.classes, 1, 1000, "classes");
  in(o.channels, 1, 32768, "channels");
  in(o.dimension, 1, 16, "dimension");
  in(o.duration, 1, 15'000'000, "duration (us)");
  in(o.train, o.classes, most_samples, "train");
  in(o.test, o.classes, most_samples, "test");
  RV_CHECK(o.smoothness >= 0.1 && o.smoothness <= 10,
           "[randman] smoothness must be in [0.1, 10]; got {}.", o.smoothness);
}

/// Spike times of all samples, [sample, channel]; sample i is of class i % classes.
class Times {
 public:
  explicit Times(const RandmanOptions& options)
      : options_(options),
        channels_(static_cast<std::size_t>(options.channels)),
        samples_(options.train + options.test),
        values_(static_cast<std::size_t>(samples_) * channels_) {
    std::vector<Manifold> manifolds;
    for (std::int64_t c = 0; c < options.classes; ++c) manifolds.emplace_back(options, c);
    parallel_for(0, samples_, 8, [&](std::int64_t first, std::int64_t last) {
      std::vector<double> point(static_cast<std::size_t>(options.dimension));
      for (std::int64_t i = first; i < last; ++i) {
        RandomStream random({options.seed, point_epoch}, i);
        for (double& coordinate : point) coordinate = random.uniform();
        const Manifold& manifold = manifolds[static_cast<std::size_t>(i % options.classes)];
        for (std::size_t m = 0; m < channels_; ++m) row(i)[m] = manifold(m, point);
      }
    });
    for (std::int64_t c = 0; c < options.classes; ++c) scale(c);
  }

  void events(std::int64_t sample, Events& out) const {
    out.clear();
    const double* values = &values_[static_cast<std::size_t>(sample) * channels_];
    for (std::size_t m = 0; m < channels_; ++m)
      out.push_back(std::llrint(values[m] * static_cast<double>(options_.duration)),
                    static_cast<std::int16_t>(m), 0, 1);
    sort_by_time(out);
  }

 private:
  double* row(std::int64_t sample) {
    return &values_[static_cast<std::size_t>(sample) * channels_];
  }

  /// Brings the values of each channel over the samples of a class to [0, 1].
  void scale(std::int64_t label) {
    for (std::size_t m = 0; m < channels_; ++m) {
      double least = row(label)[m], most = least;
      for (std::int64_t i = label; i < samples_; i += options_.classes) {
        least = std::min(least, row(i)[m]);
        most = std::max(most, row(i)[m]);
      }
      const double range = most > least ? most - least : 1;
      for (std::int64_t i = label; i < samples_; i += options_.classes)
        row(i)[m] = (row(i)[m] - least) / range;
    }
  }

  const RandmanOptions& options_;
  std::size_t channels_;
  std::int64_t samples_;
  std::vector<double> values_;
};

}  // namespace

void write_randman(const std::filesystem::path& folder, const RandmanOptions& options) {
  check(options);
  const Times times(options);
  std::vector<std::string> classes;
  for (std::int64_t c = 0; c < options.classes; ++c) classes.push_back(std::to_string(c));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(ErrorCode::io, "[randman] cannot make the folder {}: {}.", folder.string(),
         error.message());
  Events events;
  const auto write = [&](const char* name, std::int64_t first, std::int64_t last) {
    SpikeFileWriter writer(folder / name, classes, {.channels = options.channels});
    for (std::int64_t i = first; i < last; ++i) {
      times.events(i, events);
      writer.append(events, i % options.classes);
    }
    writer.finish();
  };
  write("train.h5", 0, options.train);
  write("test.h5", options.train, options.train + options.test);
}

}  // namespace ranvier

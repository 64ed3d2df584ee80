// Random manifolds: a classification task whose information lies in the times of spikes alone.
// Zenke and Vogels, "The remarkable robustness of surrogate gradient learning for instilling
// complex function in spiking neural networks", Neural Computation 33 (2021).
#pragma once

#include <cstdint>
#include <filesystem>

namespace ranvier {

/// Each class is a smooth manifold in the space of spike times, one time per channel. A point z of
/// the unit cube [0, 1)^dimension is mapped, for each channel, to
///
///   prod_d sum_k k^-smoothness a_kd sin(2 pi (k b_kd z_d + c_kd)),   a, b, c uniform in [0, 1),
///
/// and the values of a channel over all samples of the class are scaled to [0, duration]. Every
/// channel spikes once, so counts of spikes tell nothing. With the defaults a nearest-neighbour
/// classifier gets everything right.
struct RandmanOptions {
  std::int64_t classes = 10;
  std::int64_t channels = 50;
  std::int64_t dimension = 1;       ///< of the manifolds
  double smoothness = 2;            ///< how fast the spectrum falls; 1 is rough, 3 smooth
  std::int64_t duration = 100'000;  ///< microseconds
  std::int64_t train = 5000;        ///< samples, as many of each class or one more
  std::int64_t test = 1000;
  std::uint64_t seed = 0;
};

/// Writes train.h5 and test.h5 into `folder`, which is made if it is not there, for
/// `load_spike_files`. Both lie on the same manifolds. The same options give the same bytes.
/// Errors: options that make no sense; files that cannot be written.
void write_randman(const std::filesystem::path& folder, const RandmanOptions& options = {});

}  // namespace ranvier

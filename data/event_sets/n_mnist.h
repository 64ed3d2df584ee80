// N-MNIST: the digits of MNIST, filmed from a screen by an ATIS camera that moves three times.
// Orchard et al. 2015, doi:10.3389/fnins.2015.00437; CC BY-SA 4.0
#pragma once

#include <memory>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// 60000 recordings to train, 10000 to test, of about 0.3 s, 34x34x2, 10 classes. The directory has
/// the folders Train and Test of the published archives, unpacked (`Train/<digit>/<number>.bin`),
/// or a folder NMNIST that has them (Tonic's layout). Errors: those of `open_folder_set`, and of
/// `read_atis` when a recording is read.
std::shared_ptr<const Recordings> open_n_mnist(const DatasetSource& source);

}  // namespace ranvier

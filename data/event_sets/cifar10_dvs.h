// CIFAR10-DVS: pictures of CIFAR-10, moved on a screen before a DVS128 camera.
// Li et al. 2017, doi:10.3389/fnins.2017.00309
#pragma once

#include <memory>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/formats/aedat2.h"
#include "ranvier/data/split.h"

namespace ranvier {

struct Cifar10DvsOptions {
  /// As SpikingJelly places them, so that networks and results can be compared.
  Aedat2Pixels pixels = Aedat2Pixels::as_dat2mat;
};

/// 1000 recordings of about 1.3 s in each of 10 classes, 128x128x2, times from the first event on.
/// Nobody published a split. This one is that of SpikingJelly (`split_to_train_test_set(0.9, ...)`
/// without shuffling): of each class, its files sorted by the bytes of their names, the first nine
/// tenths (rounded up: 900) train, the others test. There is none for validation.
///
/// The directory has the folders airplane to truck with the published `.aedat` files, or a folder
/// CIFAR10DVS or extract (SpikingJelly's layout) that has them. Errors: no directory named; a
/// folder of a class is missing; no files; those of `read_aedat2` when a recording is read.
std::shared_ptr<const Recordings> open_cifar10_dvs(const DatasetSource& source,
                                                   const Cifar10DvsOptions& options = {});

}  // namespace ranvier

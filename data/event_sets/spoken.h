// Spoken words as spike trains: the Heidelberg digits and commands, and sets of their layout.
#pragma once

#include <memory>
#include <string>

#include "ranvier/data/event_sets/spike_file.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// Spiking Heidelberg Digits (Cramer et al. 2022, doi:10.1109/TNNLS.2020.3044364): 700 channels, 20
/// classes (zero to nine in English and German), 8156 samples to train, 2264 to test. Files
/// shd_train.h5 and shd_test.h5, plain or with .gz. Errors: the files are missing (says how to get
/// them) or damaged; `Split::valid`, which is not there.
std::shared_ptr<const Recordings> load_shd(const DatasetSource& source,
                                           const ReadOptions& options = {});

/// Spiking Speech Commands (the same): 700 channels, 35 classes, 75466 samples to train, 9981 to
/// validate, 20382 to test. Files ssc_train.h5, ssc_valid.h5, ssc_test.h5. Errors as above.
std::shared_ptr<const Recordings> load_ssc(const DatasetSource& source,
                                           const ReadOptions& options = {});

/// The Free Spoken Digit Dataset through the inner-ear model of SHD: 700 channels, 10 classes, 2700
/// samples to train, 300 to test. Files train.h5 and test.h5. Errors as above.
std::shared_ptr<const Recordings> load_fsdd_spikes(const DatasetSource& source,
                                                   const ReadOptions& options = {});

/// Files train.h5, valid.h5 and test.h5 of the layout of SHD, as generators of this library write
/// them; `name` begins error texts. Errors: the file is missing or damaged.
std::shared_ptr<const Recordings> load_spike_files(const std::string& name,
                                                   const DatasetSource& source,
                                                   const SpikeFileOptions& options = {});

}  // namespace ranvier

// N-TIDIGITS18: spoken digits heard by a silicon cochlea (Anumula et al. 2018,
// doi:10.3389/fnins.2018.00023).
#pragma once

#include <memory>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/formats/read_options.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// The recordings of a single digit of n-tidigits.hdf5: 64 channels, 11 classes, "o", "1", ... "9",
/// "z" (two words for zero). Recordings of several digits are left out: they are sequences, which
/// one label does not describe, and their first digit cannot be cut out, as the file does not say
/// when it ends. Layout: {train,test}_labels, texts that end in "-" and the digits; for each such
/// text, numbers {train,test}_timestamps/TEXT (seconds) and {train,test}_addresses/TEXT (channels).
/// Errors: the file is missing (says where to get it) or damaged, as those of `open_spike_file`;
/// `Split::valid`, which is not there.
std::shared_ptr<const Recordings> load_ntidigits(const DatasetSource& source,
                                                 const ReadOptions& options = {});

}  // namespace ranvier

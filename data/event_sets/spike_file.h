// Spike trains in HDF5 files of the layout that the Heidelberg digits (SHD) brought:
//
//   spikes/times   sequence of numbers per sample: seconds
//   spikes/units   sequence of numbers per sample, as many: the channel of each spike
//   labels         number per sample
//   extra/keys     text per class (without it, classes are called "0", "1", ...)
//   extra/channels one number (ours; without it, there are SHD's 700 channels)
//
// Numbers may be integers or IEEE floats of any size and order of bytes; texts of fixed or any
// length; the file plain or gzipped. It is read by our own code, not by the HDF5 library: what the
// file claims is never believed, and threads do not wait for each other (docs/decisions/0018).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

struct SpikeFileOptions {
  std::int64_t channels = 0;  ///< width of the sensor, 1 to 32768; 0: as the file says
  ReadOptions read = {};
};

/// Opens a file of spike trains as `name`, times rounded to the nearest microsecond. Keeps 40 bytes
/// per sample in memory, all else stays in the file until it is read; a gzipped file is unpacked to
/// a temporary one in TMPDIR. Errors name the file, the sample and what is wrong: it cannot be
/// opened; it is no HDF5 file, damaged, or of a format that is not read here; a group is missing; a
/// data set is of another rank, type or length than the others; a label has no class; when a sample
/// is read, times and units of different numbers, a channel outside of the sensor, a time that is
/// NaN, negative or beyond thirty years.
std::shared_ptr<const Recordings> open_spike_file(const std::string& name,
                                                  const std::filesystem::path& path,
                                                  const SpikeFileOptions& options = {});

}  // namespace ranvier

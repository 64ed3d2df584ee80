// Writes the files that `open_spike_file` reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ranvier/core/dtype.h"
#include "ranvier/data/events/events.h"

namespace ranvier {

struct SpikeFileWriterOptions {
  /// How times are stored, in seconds: f32 keeps microseconds below 16 s, f64 for ever; f16, as in
  /// SHD, rounds to 0.5 ms at 1 s.
  DType times = DType::f32;
  std::int64_t channels = 700;  ///< of the sensor; 1 to 32768
};

/// Writes spike trains one by one, in the layout of SHD, readable by everything that reads HDF5.
/// Of a sample only 34 bytes stay in memory. The file takes its name when it is finished: whatever
/// happens before, one that was there stays as it was.
class SpikeFileWriter {
 public:
  /// One name per class, of at most 256 bytes. Errors: the file cannot be created; options or names
  /// that make no sense.
  SpikeFileWriter(const std::filesystem::path& path, const std::vector<std::string>& classes,
                  const SpikeFileWriterOptions& options = {});
  ~SpikeFileWriter();
  SpikeFileWriter(const SpikeFileWriter&) = delete;
  SpikeFileWriter& operator=(const SpikeFileWriter&) = delete;

  /// Adds a sample. Errors: a label without a class; an event outside the channels, in a row other
  /// than 0, that is OFF, before time 0, or at a time that f32 does not keep, all of which leave
  /// the sample out; the disk is full.
  void append(const Events& events, std::int64_t label);
  /// Completes the file and gives it its name. Errors: no samples; those of the disk.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ranvier

// Recordings kept on disk as a fixed transform leaves them, in one file that is quick to read.
//
//   const auto prepared = cached(recordings, Downsample{.spatial_factor = 1.0 / 7} |
//                                CropTime{.max = 1'000'000}, {.folder = "cache"});
//   const EventDataset train(prepared, {.framing = ToFrame{.time_window = 4000},
//                                       .transform = TimeJitter{.std = 100}});
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/transforms/transform.h"

namespace ranvier {

struct CacheOptions {
  std::filesystem::path folder = {};  ///< made if it is not there; may hold any number of caches
  bool compress = false;              ///< about half the size; several times slower to read
  /// Bytes that the caches of the folder may take together; 0: no limit. The least recently used
  /// ones are removed, never the one asked for.
  std::int64_t max_bytes = 0;
  /// Called with (recordings done, of how many) while the cache is built.
  std::function<void(std::int64_t, std::int64_t)> progress = {};
};

/// `source` with `fixed` applied, read from a file of packed events in `options.folder`; the first
/// call builds it. The file's name has a hash of what it was made of: the identity of `source`,
/// the description of `fixed`, `compress` and the versions of the format and of Ranvier, so that a
/// change of any of them makes a new file.
///
/// - Labels, names and classes come from `source`, which stays in use.
/// - The file appears when it is complete. Of several processes that ask for it, one builds it and
///   the others wait for that.
/// - Every byte is under a checksum. A damaged recording is read from `source` again and mended; a
///   file damaged in its index is built anew. A recording that `source` cannot read gives its error
///   when it is read here too.
/// - `read` copies from the file: a cache larger than memory costs no more than its longest
///   recording for each thread.
///
/// Errors: a random transform, whose result must not be kept: it goes behind the cache
/// (`EventDatasetOptions::transform`); options out of range; the folder or file cannot be written;
/// the cache alone is larger than `max_bytes`; those of `source` other than damaged recordings.
std::shared_ptr<const Recordings> cached(std::shared_ptr<const Recordings> source,
                                         const EventTransform& fixed, const CacheOptions& options);

}  // namespace ranvier

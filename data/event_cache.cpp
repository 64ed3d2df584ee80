#include "ranvier/data/event_cache.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "ranvier/core/build_info.h"
#include "ranvier/core/error.h"
#include "ranvier/data/detail/cache_folder.h"
#include "ranvier/data/detail/checked_events.h"
#include "ranvier/data/detail/checksum.h"
#include "ranvier/data/detail/event_cache_file.h"

namespace ranvier {
namespace {

namespace fs = std::filesystem;

/// Another's recordings as a transform without random numbers leaves them.
struct Prepared {
  std::shared_ptr<const Recordings> source;
  EventTransform transform;
  Sensor sensor;  // after the transform

  void read(std::int64_t index, Events& events) const {
    detail::read_checked(*source, index, events);
    RandomStream unused({}, index);
    detail::transform_checked(transform, *source, index, sensor, unused, events);
  }
  std::string identity() const {
    return fmt::format("{}\ntransform: {}", source->identity(), transform.describe());
  }
};

class CachedRecordings final : public Recordings {
 public:
  CachedRecordings(Prepared prepared, const fs::path& path, const std::string& key)
      : prepared_(std::move(prepared)),
        file_(path, prepared_.sensor, key, prepared_.source->size()) {
    file_.touch();
  }

  const std::string& name() const override { return prepared_.source->name(); }
  std::int64_t size() const override { return prepared_.source->size(); }
  const Sensor& sensor() const override { return prepared_.sensor; }
  const std::vector<std::string>& classes() const override { return prepared_.source->classes(); }
  std::int64_t label(std::int64_t index) const override { return prepared_.source->label(index); }
  bool checks_events() const override { return true; }
  std::string identity() const override { return prepared_.identity(); }

  void read(std::int64_t index, Events& events) const override {
    check_index(*this, index);
    if (!file_.has(index)) return prepared_.read(index, events);
    try {
      file_.read(index, events);
    } catch (const Error&) {
      prepared_.read(index, events);
      file_.mend(index, events);
    }
  }

 private:
  Prepared prepared_;
  detail::EventCacheFile file_;
};

std::string key_of(const Prepared& prepared, const CacheOptions& options) {
  static const std::string version = build_info().version;
  return fmt::format("{}\nsensor: {}\nrecordings: {}\ncompressed: {}\nformat: {}\nranvier: {}\n",
                     prepared.identity(), to_string(prepared.sensor), prepared.source->size(),
                     options.compress, detail::event_cache_format, version);
}

/// "shd-train-0123456789abcdef.rvevents"
fs::path file_name(const std::string& name, const std::string& key) {
  std::string stem = name.substr(0, 60);
  for (char& c : stem)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
  const std::uint64_t hash =
      detail::checksum_of({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  return fmt::format("{}-{:016x}{}", stem, hash, detail::cache_suffix);
}

/// The cache at `path`, or null if there is none that is whole and of this key.
std::shared_ptr<const Recordings> open_cache(const Prepared& prepared, const fs::path& path,
                                             const std::string& key) {
  try {
    return std::make_shared<CachedRecordings>(prepared, path, key);
  } catch (const Error&) {
    return nullptr;
  }
}

void build(const Prepared& prepared, const fs::path& path, const std::string& key,
           const CacheOptions& options) {
  detail::EventCacheWriter writer(path, prepared.sensor, options.compress);
  const std::int64_t count = prepared.source->size();
  Events events;
  for (std::int64_t i = 0; i < count; ++i) {
    bool whole = true;
    try {
      prepared.read(i, events);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::format) throw;
      whole = false;
    }
    if (whole) {
      writer.add(events);
    } else {
      writer.add_unreadable();
    }
    if (options.max_bytes > 0 && writer.bytes() > static_cast<std::uint64_t>(options.max_bytes))
      fail(ErrorCode::invalid_argument,
           "[cache] {} of {} recordings of {} take {} bytes; max_bytes allows {}.", i + 1, count,
           prepared.source->name(), writer.bytes(), options.max_bytes);
    if (options.progress) options.progress(i + 1, count);
  }
  writer.finish(key);
}

/// Builds the cache unless somebody else just did.
std::shared_ptr<const Recordings> build_cache(const Prepared& prepared, const fs::path& path,
                                              const std::string& key, const CacheOptions& options) {
  const detail::NameLock lock(path);
  if (auto built = open_cache(prepared, path, key)) return built;
  build(prepared, path, key, options);
  return std::make_shared<CachedRecordings>(prepared, path, key);
}

}  // namespace

std::shared_ptr<const Recordings> cached(std::shared_ptr<const Recordings> source,
                                         const EventTransform& fixed, const CacheOptions& options) {
  RV_CHECK(source != nullptr, "[cache] there must be recordings; got null.");
  RV_CHECK(!options.folder.empty(), "[cache] {}: a folder must be named.", source->name());
  RV_CHECK(options.max_bytes >= 0, "[cache] {}: max_bytes must be >= 0; got {}.", source->name(),
           options.max_bytes);
  RV_CHECK(!fixed.is_random(),
           "[cache] {}: {} draws random numbers, which a cache would freeze; put it behind the "
           "cache, in EventDatasetOptions::transform.",
           source->name(), fixed.describe());
  const Sensor sensor = fixed.sensor_after(source->sensor());
  const Prepared prepared{std::move(source), fixed, sensor};
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error)
    fail(ErrorCode::io, "[cache] cannot make the folder {}: {}.", options.folder.string(),
         error.message());

  const std::string key = key_of(prepared, options);
  const fs::path path = options.folder / file_name(prepared.source->name(), key);
  auto cache = open_cache(prepared, path, key);
  if (cache == nullptr) cache = build_cache(prepared, path, key, options);
  if (options.max_bytes > 0) detail::shrink_folder(options.folder, path, options.max_bytes);
  return cache;
}

}  // namespace ranvier

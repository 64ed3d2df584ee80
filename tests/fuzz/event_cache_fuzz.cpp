// Caches of events: as they come, and with checksums that fit, as somebody would make on purpose.
#include <algorithm>

#include "ranvier/data/detail/checksum.h"
#include "ranvier/data/detail/event_cache_file.h"
#include "ranvier/data/formats/detail/bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/events.h"
#include "tests/support/memory_file.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::fuzz {
namespace {

using detail::load_le;
using Content = std::vector<std::uint8_t>;

constexpr Sensor sensor{.width = 300, .height = 2, .polarities = 2};
constexpr std::int64_t recordings = 3;
const std::string key = "key";

Content cache(bool compress) {
  const test::TemporaryFolder folder;
  detail::EventCacheWriter writer(folder / "cache", sensor, compress);
  writer.add(test::random_events(sensor, 40, 1));
  writer.add_unreadable();
  writer.add(test::random_events(sensor, 400, 2, 0, 1000));
  writer.finish(key);
  return test::file_bytes(folder / "cache");
}

void store(Content& bytes, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Makes the checksums of `bytes` right, as far as there are any.
void seal(Content& bytes) {
  const std::size_t front = 16 + key.size(), index_bytes = front + 32 * recordings;
  if (bytes.size() < 64 + index_bytes) return;
  const std::size_t foot = bytes.size() - 32, index = foot - index_bytes;
  const std::span<const std::uint8_t> all = bytes;
  std::uint64_t place = 32;
  for (std::size_t entry = index + front; entry < foot; entry += 32) {
    const auto stored = load_le<std::uint64_t>(&bytes[entry + 16]);
    if (place > index || stored > index - place) break;
    store(bytes, entry + 24, detail::checksum_of(all.subspan(place, stored)));
    place += stored;
  }
  store(bytes, foot, index);
  store(bytes, foot + 8, index_bytes);
  store(bytes, foot + 16, detail::checksum_of(all.subspan(index, index_bytes)));
}

void read_all(std::span<const std::uint8_t> input) {
  static test::MemoryFile file;
  file.set(input);
  const detail::EventCacheFile cache(file.path(), sensor, key, recordings);
  Events events;
  for (std::int64_t i = 0; i < recordings; ++i) {
    if (!cache.has(i)) continue;
    cache.read(i, events);
    if (first_outside(events, sensor) >= 0 || !in_time_order(events))
      throw std::logic_error("a cache gave events that no sensor gives");
  }
}

}  // namespace

std::vector<std::vector<std::uint8_t>> seeds() { return {cache(false), cache(true)}; }

void parse(std::span<const std::uint8_t> input) {
  Content sealed(input.begin(), input.end());
  seal(sealed);
  try {
    read_all(sealed);
  } catch (const Error&) {  // refused, which is well
  }
  read_all(input);
}

}  // namespace ranvier::fuzz

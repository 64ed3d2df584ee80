#include "ranvier/data/event_sets/spike_file_writer.h"

#include <algorithm>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/h5/encode.h"
#include "ranvier/data/detail/replacement.h"
#include "ranvier/data/event_sets/detail/spike_columns.h"

namespace ranvier {
namespace {

namespace h5 = detail::h5;
constexpr const char* writer = "spikes";
constexpr std::size_t most_classes = 1 << 16, longest_name = 256;

/// Appends a time in microseconds as seconds of type `Stored`, and returns what a reader makes of
/// it.
template <class Stored>
std::int64_t append_time(std::vector<std::uint8_t>& bytes, std::int64_t microseconds) {
  const double seconds = static_cast<double>(microseconds) * 1e-6;
  Stored stored;
  if constexpr (std::is_same_v<Stored, float16>)
    stored = to_float16(static_cast<float>(seconds));
  else
    stored = static_cast<Stored>(seconds);
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(Stored));
  std::memcpy(&bytes[at], &stored, sizeof(Stored));
  const h5::NumberType type{.floating = true, .is_signed = true, .size = sizeof(Stored)};
  std::int64_t read = -1;
  return detail::to_microseconds(type, &bytes[at], 1, &read) == 1 ? read : -1;
}

}  // namespace

struct SpikeFileWriter::State {
  State(const std::filesystem::path& path, const std::vector<std::string>& class_names,
        const SpikeFileWriterOptions& chosen)
      : name(path.string()), classes(class_names), options(chosen), file(writer, path) {
    write(h5::Encoder{std::vector<std::uint8_t>(h5::superblock_bytes)});
  }

  /// Writes and returns where.
  std::uint64_t write(const h5::Encoder& piece) {
    const std::uint64_t at = position;
    file.write(piece.bytes);
    position += piece.bytes.size();
    return at;
  }

  /// Errors: those of `append`, but for times.
  void check(const Events& events, std::int64_t label) const {
    RV_CHECK(label >= 0 && label < static_cast<std::int64_t>(classes.size()),
             "[{}] {}: sample {} has the label {}; there are {} classes.", writer, name, samples,
             label, classes.size());
    RV_CHECK(events.size() <= std::int64_t{0xffffffff},
             "[{}] {}: sample {} has {} events; a sequence in HDF5 has at most 2^32 - 1.", writer,
             name, samples, events.size());
    for (std::size_t i = 0; i < events.x.size(); ++i) {
      RV_CHECK(events.x[i] >= 0 && events.x[i] < options.channels && events.y[i] == 0,
               "[{}] {}: event {} of sample {} is at ({}, {}); there are {} channels in row 0.",
               writer, name, i, samples, events.x[i], events.y[i], options.channels);
      RV_CHECK(events.p[i] != 0,
               "[{}] {}: event {} of sample {} is OFF; the layout of SHD has no polarities: merge "
               "them.",
               writer, name, i, samples);
    }
  }

  /// Overwrites `column`. Error: a time that the file cannot hold.
  void write_times(const Events& events) {
    column.clear();
    for (std::size_t i = 0; i < events.t.size(); ++i) {
      const std::int64_t t = events.t[i];
      const std::int64_t read = options.times == DType::f16   ? append_time<float16>(column, t)
                                : options.times == DType::f32 ? append_time<float>(column, t)
                                                              : append_time<double>(column, t);
      RV_CHECK(read >= 0 && (read == t || options.times == DType::f16),
               "[{}] {}: event {} of sample {} at {} us cannot be stored as {} seconds{}.", writer,
               name, i, samples, t, ranvier::name(options.times),
               t >= 0 && options.times != DType::f64 ? "; f64 can" : "");
    }
  }

  /// Overwrites `column`.
  void write_units(const Events& events) {
    column.clear();
    for (const std::int16_t x : events.x) {
      column.push_back(static_cast<std::uint8_t>(x));
      column.push_back(static_cast<std::uint8_t>(x >> 8));
    }
  }

  void flush_heap() {
    if (!heap.empty()) write(heap.take());
  }

  void add_sequence(h5::Encoder& references, std::uint64_t count) {
    const std::uint32_t index = count == 0 ? 0 : heap.add(column);
    h5::encode_reference(references, static_cast<std::uint32_t>(count), count == 0 ? 0 : position,
                         index);
  }

  std::uint64_t write_list(const h5::Encoder& type, std::uint64_t count, h5::Encoder elements) {
    const std::uint64_t bytes = elements.bytes.size();
    const std::uint64_t at = write(elements.pad(8));
    return write(h5::encode_list(type, count, at, bytes));
  }

  std::uint64_t write_group(const h5::Members& members) {
    return write(h5::encode_group(members, position));
  }

  std::string name;
  std::vector<std::string> classes;
  SpikeFileWriterOptions options;
  detail::Replacement file;
  std::uint64_t position = 0, samples = 0;
  h5::HeapEncoder heap;
  h5::Encoder times, units, labels;  // references, references, numbers
  std::vector<std::uint8_t> column;
};

SpikeFileWriter::SpikeFileWriter(const std::filesystem::path& path,
                                 const std::vector<std::string>& classes,
                                 const SpikeFileWriterOptions& options) {
  const DType times = options.times;
  RV_CHECK(times == DType::f16 || times == DType::f32 || times == DType::f64,
           "[{}] times are stored as f16, f32 or f64; got {}.", writer, ranvier::name(times));
  RV_CHECK(options.channels >= 1 && options.channels <= 32768,
           "[{}] channels must be in [1, 32768]; got {}.", writer, options.channels);
  RV_CHECK(!classes.empty() && classes.size() <= most_classes,
           "[{}] 1 to {} classes must be named; got {}.", writer, most_classes, classes.size());
  for (const std::string& name : classes)
    RV_CHECK(name.size() <= longest_name, "[{}] a class's name has at most {} bytes; got {}.",
             writer, longest_name, name.size());
  state_ = std::make_unique<State>(path, classes, options);
}

SpikeFileWriter::~SpikeFileWriter() = default;

void SpikeFileWriter::append(const Events& events, std::int64_t label) {
  State& s = *state_;
  s.check(events, label);
  s.write_times(events);  // the last that can fail: nothing has been added so far
  s.add_sequence(s.times, events.t.size());
  s.write_units(events);
  s.add_sequence(s.units, events.x.size());
  s.labels.u16(static_cast<std::uint64_t>(label));
  ++s.samples;
  if (s.heap.full()) s.flush_heap();
}

void SpikeFileWriter::finish() {
  State& s = *state_;
  RV_CHECK(s.samples > 0, "[{}] {} needs a sample at least.", writer, s.name);
  s.flush_heap();

  h5::Encoder keys, channel_count;
  std::size_t width = 1;
  for (const std::string& name : s.classes) width = std::max(width, name.size());
  for (std::size_t i = 0; i < s.classes.size(); ++i) {
    keys.text(s.classes[i]);
    keys.bytes.resize((i + 1) * width);
  }
  channel_count.u16(static_cast<std::uint64_t>(s.options.channels));
  const auto text = h5::encode_text(static_cast<std::uint32_t>(width));
  const std::uint64_t names = s.write_list(text, s.classes.size(), std::move(keys));
  const std::uint64_t labels = s.write_list(h5::encode_u16(), s.samples, std::move(s.labels));
  const auto sequence_of = [](const h5::Encoder& type) { return h5::encode_sequence(type); };
  const std::uint64_t times =
      s.write_list(sequence_of(h5::encode_float(s.options.times)), s.samples, std::move(s.times));
  const std::uint64_t units =
      s.write_list(sequence_of(h5::encode_u16()), s.samples, std::move(s.units));
  const std::uint64_t channels = s.write_list(h5::encode_u16(), 1, std::move(channel_count));
  const std::uint64_t extra = s.write_group({{"channels", channels}, {"keys", names}});
  const std::uint64_t spikes = s.write_group({{"times", times}, {"units", units}});
  const std::uint64_t root =
      s.write_group({{"extra", extra}, {"labels", labels}, {"spikes", spikes}});
  s.file.overwrite(0, h5::encode_superblock(root, s.position).bytes);
  s.file.finish();
}

}  // namespace ranvier

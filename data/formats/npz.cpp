#include "ranvier/data/formats/npz.h"

#include <fmt/core.h>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_columns.h"
#include "ranvier/data/formats/detail/npy.h"
#include "ranvier/data/formats/detail/writing.h"
#include "ranvier/data/formats/detail/zip.h"

namespace ranvier {
namespace {

using detail::Bytes;

/// Microseconds that floating-point times count.
double time_unit(bool has_rows) { return has_rows ? 1 : 1e6; }

/// Reads members of an archive as columns.
class Archive {
 public:
  Archive(Bytes content, const detail::ReadPlace& place, const ReadOptions& options)
      : zip_(content, place), place_(place), room_(options.max_bytes) {}

  bool has(const std::string& column) const { return zip_.has(column + ".npy"); }

  /// Column `name`, or nothing if there is none; floating-point numbers count `unit`.
  std::optional<std::vector<std::int64_t>> find(const std::string& name, double unit = 1) {
    if (!has(name)) return std::nullopt;
    zip_.read(name + ".npy", room_, buffer_);
    room_ -= static_cast<std::int64_t>(buffer_.size());
    std::vector<std::int64_t> column;
    const detail::ReadPlace inside{place_.reader, fmt::format("{} ({}.npy)", place_.file, name)};
    detail::NpyArray(buffer_, inside).read("", unit, column);
    return column;
  }
  std::vector<std::int64_t> require(const std::string& name, double unit = 1) {
    auto column = find(name, unit);
    if (!column)
      fail(ErrorCode::format,
           "[{}] {} has no member {}.npy; events have t and x, and may have y and p.",
           place_.reader, place_.file, name);
    return std::move(*column);
  }

 private:
  detail::ZipReader zip_;
  const detail::ReadPlace& place_;
  std::int64_t room_;  // bytes that may still be unpacked
  std::vector<std::uint8_t> buffer_;
};

void check_length(std::size_t events, const char* name, std::size_t elements,
                  const detail::ReadPlace& place) {
  if (elements != events)
    fail(ErrorCode::format, "[{}] {}: {} has {} elements and t has {}; they must be as many.",
         place.reader, place.file, name, elements, events);
}

/// The sensor that `encode_npz` wrote, if it makes sense.
std::optional<Sensor> stored_sensor(Archive& archive) {
  const auto extents = archive.find("sensor");
  if (!extents || extents->size() != 3) return std::nullopt;
  const auto within = [&](std::size_t i, std::int64_t most) {
    return (*extents)[i] >= 1 && (*extents)[i] <= most;
  };
  if (!within(0, 32768) || !within(1, 32768) || !within(2, 2)) return std::nullopt;
  return Sensor{(*extents)[0], (*extents)[1], (*extents)[2]};
}

/// A column as the content of a `.npy` file.
template <class Number, class Source>
std::vector<std::uint8_t> npy_column(const char* descr, const std::vector<Source>& column) {
  std::vector<std::uint8_t> out = detail::npy_header(descr, column.size());
  out.reserve(out.size() + column.size() * sizeof(Number));
  for (const Source value : column) detail::append_le(out, static_cast<Number>(value));
  return out;
}

}  // namespace

Recording parse_npz(Bytes content, const std::string& name, const NumpyOptions& options) {
  const detail::ReadPlace place{"npz", name};
  Archive archive(content, place, options.read);
  detail::EventColumns columns;
  columns.t = archive.require("t", time_unit(archive.has("y")));
  columns.x = archive.require("x");
  columns.y = archive.find("y");
  columns.p = archive.find("p");
  check_length(columns.t.size(), "x", columns.x.size(), place);
  if (columns.y) check_length(columns.t.size(), "y", columns.y->size(), place);
  if (columns.p) check_length(columns.t.size(), "p", columns.p->size(), place);
  const auto sensor = options.sensor ? options.sensor : stored_sensor(archive);
  return detail::recording_of(columns, sensor, place, options.read);
}

Recording parse_npy(Bytes content, const std::string& name, const NumpyOptions& options) {
  const detail::ReadPlace place{"npy", name};
  const detail::NpyArray array(content, place);
  detail::check_event_count(array.size(), place, options.read);
  detail::EventColumns columns;
  array.read("t", time_unit(array.has("y")), columns.t);
  array.read("x", 1, columns.x);
  if (array.has("y")) array.read("y", 1, columns.y.emplace());
  if (array.has("p")) array.read("p", 1, columns.p.emplace());
  return detail::recording_of(columns, options.sensor, place, options.read);
}

Recording read_npz(const std::filesystem::path& path, const NumpyOptions& options) {
  return parse_npz(detail::read_file("npz", path, options.read.max_bytes), path.string(), options);
}

Recording read_npy(const std::filesystem::path& path, const NumpyOptions& options) {
  return parse_npy(detail::read_file("npy", path, options.read.max_bytes), path.string(), options);
}

std::vector<std::uint8_t> encode_npz(const Recording& recording) {
  detail::check_encodable("npz", recording, {.least_time = -max_time, .most_time = max_time});
  const Events& events = recording.events;
  const Sensor& sensor = recording.sensor;
  const std::vector<std::int64_t> extents{sensor.width, sensor.height, sensor.polarities};
  return detail::encode_zip({{"t.npy", npy_column<std::uint64_t>("'<i8'", events.t)},
                             {"x.npy", npy_column<std::uint16_t>("'<i2'", events.x)},
                             {"y.npy", npy_column<std::uint16_t>("'<i2'", events.y)},
                             {"p.npy", npy_column<std::uint8_t>("'|b1'", events.p)},
                             {"sensor.npy", npy_column<std::uint64_t>("'<i8'", extents)}});
}

std::vector<std::uint8_t> encode_npy(const Recording& recording) {
  detail::check_encodable("npy", recording, {.least_time = -max_time, .most_time = max_time});
  const Events& events = recording.events;
  std::vector<std::uint8_t> out = detail::npy_header(
      "[('t', '<i8'), ('x', '<i2'), ('y', '<i2'), ('p', '|b1')]", events.t.size());
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    detail::append_le(out, static_cast<std::uint64_t>(events.t[i]));
    detail::append_le(out, static_cast<std::uint16_t>(events.x[i]));
    detail::append_le(out, static_cast<std::uint16_t>(events.y[i]));
    detail::append_le(out, events.p[i]);
  }
  return out;
}

}  // namespace ranvier

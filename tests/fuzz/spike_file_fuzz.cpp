// Spike trains in HDF5, and with them our reader of HDF5: all of its structures are among the
// seeds.
#include "ranvier/data/event_sets/spike_file.h"

#include "ranvier/data/event_sets/spike_file_writer.h"
#include "tests/data/hdf5_spikes.h"
#include "tests/data/idx_writer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/memory_file.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "a.h5";
  std::vector<std::vector<std::uint8_t>> result;
  {
    SpikeFileWriter writer(path, {"a", "b"}, {.times = DType::f16, .channels = 20});
    Events events;
    for (std::int64_t sample = 0; sample < 3; ++sample) {
      writer.append(events, sample % 2);
      events.push_back(1000 * sample, static_cast<std::int16_t>(sample), 0, 1);
    }
    writer.finish();
  }
  result.push_back(test::file_bytes(path));
  result.push_back(test::gzipped(result[0]));
  const std::vector<test::SpikeTrain> samples{
      {.times = {0, 0.5, 0.5}, .units = {1, 2, 3}, .label = 1},
      {.times = {0.25}, .units = {0}, .label = 0},
      {.times = {}, .units = {}, .label = 1}};
  using test::Texts;
  for (const test::Hdf5Layout& layout :
       {test::Hdf5Layout{.chunk = 2, .gzip = 9, .shuffle = true},
        test::Hdf5Layout{.units = H5T_STD_I64BE, .chunk = 1, .keys = Texts::any_length},
        test::Hdf5Layout{.times = H5T_IEEE_F64BE, .latest = true, .keys = Texts::any_length},
        test::Hdf5Layout{.times = H5T_STD_U8LE, .units = H5T_IEEE_F32LE, .keys = Texts::none}}) {
    test::write_hdf5_spikes(path, samples, {"a", "b"}, layout);
    result.push_back(test::file_bytes(path));
  }
  return result;
}

void parse(std::span<const std::uint8_t> input) {
  static test::MemoryFile file;
  file.set(input);
  const auto recordings = open_spike_file("input", file.path(), {.read = {.max_bytes = 1 << 20}});
  Events events;
  for (std::int64_t i = 0; i < recordings->size(); ++i) {
    try {
      recordings->read(i, events);
    } catch (const Error&) {  // one damaged sample must not hide the others
      continue;
    }
    for (const std::int16_t x : events.x)
      if (x < 0 || x >= recordings->sensor().width) throw std::logic_error("a spike outside");
    if (!in_time_order(events)) throw std::logic_error("times out of order");
  }
}

}  // namespace ranvier::fuzz

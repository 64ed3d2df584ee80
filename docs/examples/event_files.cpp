// The code of docs/event-files.md.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "ranvier/data/event_sets/n_mnist.h"
#include "ranvier/data/formats/aedat3.h"
#include "ranvier/data/formats/atis.h"

using namespace ranvier;

void write_file(const std::filesystem::path& path, const std::vector<std::uint8_t>& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
}

int main() {
  Recording line{.sensor = {34, 34, 2}, .events = {}};
  for (std::int16_t i = 0; i < 34; ++i) line.events.push_back(1000 * i, i, i, i % 2);
  const std::filesystem::path folder = "event-files";
  for (int digit = 0; digit < 10; ++digit)
    write_file(folder / "Test" / std::to_string(digit) / "00001.bin", encode_atis(line));

  const Recording digit = read_atis(folder / "Test/3/00001.bin", {.sensor = {34, 34, 2}});
  write_file(folder / "digit.aedat", encode_aedat3(digit));
  if (read_aedat3(folder / "digit.aedat").events != digit.events) return 1;

  const std::shared_ptr<const Recordings> digits =
      open_n_mnist({.split = Split::test, .directory = folder});
  Events events;
  for (std::int64_t i = 0; i < digits->size(); ++i) digits->read(i, events);
  return digits->size() == 10 && events == line.events ? 0 : 1;
}

// Runs a fuzz target on its seeds, on every truncation of them, and on mutations.
//   ranvier_fuzz_idx [MUTATIONS]             as CTest does; prints what was accepted
//   ranvier_fuzz_idx --write-seeds FOLDER    for libFuzzer
//   ranvier_fuzz_idx --replay FILE           one input, to look at a finding
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "ranvier/core/error.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate.h"
#include "tests/support/temporary_folder.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Count {
  std::int64_t accepted = 0;
  std::int64_t refused = 0;
};

void run(const Bytes& input, Count& count) {
  try {
    ranvier::fuzz::parse(input);
    ++count.accepted;
  } catch (const ranvier::Error&) {
    ++count.refused;
  }
}

/// Every length of a short seed, some of a long one.
void run_truncations(const Bytes& seed, Count& count) {
  const std::size_t step = seed.size() / 2000 + 1;
  for (std::size_t length = 0; length < seed.size(); length += step)
    run(Bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(length)), count);
}

int run_all(std::int64_t mutations) {
  const std::vector<Bytes> seeds = ranvier::fuzz::seeds();
  Count valid, damaged;
  for (const Bytes& seed : seeds) run(seed, valid);
  for (const Bytes& seed : seeds) run_truncations(seed, damaged);
  for (std::int64_t i = 0; i < mutations; ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    run(ranvier::fuzz::mutated(seeds[number % seeds.size()], number), damaged);
  }
  std::printf("seeds: %lld of %zu accepted; damaged inputs: %lld accepted, %lld refused\n",
              static_cast<long long>(valid.accepted), seeds.size(),
              static_cast<long long>(damaged.accepted), static_cast<long long>(damaged.refused));
  // A target that refuses its seeds tests nothing.
  return valid.refused == 0 && damaged.refused > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--write-seeds" && argc == 3) {
    std::filesystem::create_directories(argv[2]);
    int number = 0;
    for (const Bytes& seed : ranvier::fuzz::seeds())
      ranvier::test::write_file(std::filesystem::path(argv[2]) / std::to_string(number++), seed);
    return EXIT_SUCCESS;
  }
  if (mode == "--replay" && argc == 3) {
    ranvier::fuzz::parse(ranvier::test::file_bytes(argv[2]));
    return EXIT_SUCCESS;
  }
  return run_all(argc > 1 ? std::atoll(argv[1]) : 20000);
}

#include "ranvier/core/random.h"

#include <cmath>
#include <thread>

#include "ranvier/core/parallel.h"
#include "ranvier/core/philox.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

// Known answers of the reference implementation (Random123, kat_vectors, philox4x32 10).
TEST_CASE("Philox gives the published known answers") {
  const PhiloxWords zero = philox(0, 0, 0);
  CHECK(zero.word[0] == 0x6627e8d5u);
  CHECK(zero.word[1] == 0xe169c58du);
  CHECK(zero.word[2] == 0xbc57ac4cu);
  CHECK(zero.word[3] == 0x9b00dbd8u);
  const std::uint64_t ones = ~std::uint64_t{0};
  const PhiloxWords all = philox(ones, ones, ones);
  CHECK(all.word[0] == 0x408f276du);
  CHECK(all.word[1] == 0x41c83b0eu);
  CHECK(all.word[2] == 0xa20bc7c6u);
  CHECK(all.word[3] == 0x6d5451fdu);
}

TEST_CASE("the same seed gives the same numbers for any number of threads") {
  const int threads = num_threads();
  seed(42);
  set_num_threads(1);
  const auto first = to_vector(uniform({100'003}, -1, 1));
  seed(42);
  set_num_threads(4);
  CHECK(to_vector(uniform({100'003}, -1, 1)) == first);
  set_num_threads(threads);
}

TEST_CASE("a generator resumes from its two numbers") {
  Generator a{7, 0};
  uniform({10}, 0, 1, a);
  Generator b = a;
  CHECK(to_vector(uniform({10}, 0, 1, a)) == to_vector(uniform({10}, 0, 1, b)));
}

TEST_CASE("uniform and normal numbers have the moments asked for") {
  Generator generator{1, 0};
  double sum = 0, square = 0;
  const auto normals = to_vector(normal({200'000}, 3, 2, generator));
  for (double x : normals) sum += x;
  const double mean = sum / static_cast<double>(normals.size());
  for (double x : normals) square += (x - mean) * (x - mean);
  CHECK(mean == Approx(3).margin(0.02));
  CHECK(std::sqrt(square / static_cast<double>(normals.size())) == Approx(2).margin(0.02));
  for (double x : to_vector(uniform({10'000}, -2, 5, generator))) REQUIRE((x >= -2 && x < 5));
}

TEST_CASE("uniform numbers stay below the upper limit where its neighbours lie far apart") {
  Generator generator{5, 0};
  for (double x : to_vector(uniform({100'000}, 4096, 4097, generator))) REQUIRE(x < 4097);
  CHECK(to_vector(uniform({2}, 3, 3, generator)) == std::vector<double>{3, 3});
  CHECK_ERROR(uniform({2}, 1, 0), ErrorCode::invalid_argument, "low must be <= high");
  CHECK_ERROR(uniform({2}, 0, INFINITY), ErrorCode::invalid_argument, "got 0 and inf");
}

TEST_CASE("a generator scope holds on its thread and ends with it") {
  seed(3);
  const auto of_process = to_vector(uniform({5}, 0, 1));
  Generator own{3, 0};
  {
    const GeneratorScope scope(own);
    CHECK(to_vector(uniform({5}, 0, 1)) == of_process);
    std::vector<double> elsewhere;
    std::thread([&] {
      seed(3);
      elsewhere = to_vector(uniform({5}, 0, 1));
    }).join();
    CHECK(elsewhere == of_process);
    CHECK(own.next_block == 2);
    {
      Generator inner{8, 0};
      const GeneratorScope nested(inner);
      seed(9);
      CHECK(inner.seed == 9);
    }
    CHECK(default_generator().seed == 3);
  }
  CHECK(&default_generator() != &own);
  CHECK(default_generator().next_block == 2);
}

#include "ranvier/distributed/agreement.h"

#include "ranvier/core/random.h"
#include "ranvier/distributed/local_transport.h"
#include "tests/support/catch.h"
#include "tests/support/values.h"

using namespace ranvier;

namespace {

/// What each of three ranks is told when rank 1 has `facts` and the others have others.
std::vector<std::string> disagreement(const Facts& usual, const Facts& of_rank_1) {
  std::vector<std::string> errors(3);
  run_local(3, [&](Transport& transport) {
    try {
      require_agreement(Group::all(transport), transport.rank() == 1 ? of_rank_1 : usual);
    } catch (const Error& error) {
      errors[static_cast<std::size_t>(transport.rank())] = error.what();
    }
  });
  return errors;
}

}  // namespace

TEST_CASE("ranks that have the same facts go on") {
  const Facts facts{{"steps", "4"}, {"data", "a set of 10"}};
  CHECK(disagreement(facts, facts) == std::vector<std::string>(3));
}

TEST_CASE("ranks that differ are all told who differs in what") {
  const auto errors = disagreement({{"steps", "4"}, {"seed", "0"}, {"version", "1"}},
                                   {{"steps", "8"}, {"seed", "0"}, {"extra", "x"}});
  for (const std::string& error : errors) {
    CHECK_THAT(error, Catch::Matchers::Contains("ranks differ from rank 0"));
    CHECK_THAT(error, Catch::Matchers::Contains("rank 1"));
    CHECK_THAT(error, Catch::Matchers::Contains(
                          "has steps 8 (not 4), version none (not 1), extra x (not none)."));
  }
}

TEST_CASE("a digest tells tensors apart by name, shape and every bit") {
  const Tensor values = test::random_values({4, 3}, 1);
  const std::string usual = digest({{"weight", values}});
  CHECK(usual.size() == 16);
  CHECK(digest({{"weight", clone(values)}}) == usual);
  CHECK(digest({{"bias", values}}) != usual);
  Tensor other = clone(values);
  other.mutable_data<float>()[11] = -other.data<float>()[11];
  CHECK(digest({{"weight", other}}) != usual);
  const Tensor flat(values.storage(), values.storage_offset(), Shape{12}, DType::f32);
  CHECK(digest({{"weight", flat}}) != usual);
}

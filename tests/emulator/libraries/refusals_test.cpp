// Refusals that tests ask for.
#include "tests/emulator/libraries/refusals.h"

#include <thread>
#include <vector>

#include "tests/support/catch.h"

using emulator::Answer;
using emulator::answer_to;
using emulator::LibraryCall;
using emulator::Refusal;

TEST_CASE("calls are refused while a refusal of their kind lives") {
  CHECK(answer_to(LibraryCall::matmul) == Answer::served);
  {
    const Refusal refusal(LibraryCall::matmul);
    CHECK(answer_to(LibraryCall::convolution) == Answer::served);
    CHECK(refusal.refused() == 0);
    for (int i = 0; i < 2; ++i) CHECK(answer_to(LibraryCall::matmul) == Answer::unsupported);
    CHECK(refusal.refused() == 2);
  }
  CHECK(answer_to(LibraryCall::matmul) == Answer::served);
}

TEST_CASE("a refusal leaves out what is not in its range") {
  const Refusal refusal(LibraryCall::matmul, {.first = 1, .count = 2, .answer = Answer::failed});
  std::vector<Answer> answers;
  for (int i = 0; i < 4; ++i) answers.push_back(answer_to(LibraryCall::matmul));
  CHECK(answers == std::vector{Answer::served, Answer::failed, Answer::failed, Answer::served});
  CHECK(refusal.refused() == 2);
}

TEST_CASE("a refusal counts the calls of all threads") {
  const Refusal refusal(LibraryCall::convolution, {.count = 150});
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([] {
      for (int call = 0; call < 100; ++call) answer_to(LibraryCall::convolution);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(refusal.refused() == 150);
}

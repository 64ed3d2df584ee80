// Refusals that tests ask the emulated libraries for, to see what becomes of their callers.
#pragma once

#include <limits>
#include <list>

namespace emulator {

/// Calls that can be refused: cuBLASLt's heuristic and products; cuDNN's heuristics, the sizes of
/// workspaces and convolutions.
enum class LibraryCall {
  matmul_heuristic,
  matmul,
  convolution_heuristic,
  convolution_workspace,
  convolution,
};

enum class Answer { served, unsupported, failed };

/// While it lives, calls of a kind are answered as it says, in every thread, if they ask for
/// nothing that the library refuses anyway.
class Refusal {
 public:
  /// Which calls, counted from the first in its life, and how these are answered.
  struct Range {
    int first = 0;
    int count = std::numeric_limits<int>::max();
    Answer answer = Answer::unsupported;
  };

  explicit Refusal(LibraryCall call) : Refusal(call, Range()) {}
  Refusal(LibraryCall call, Range range);
  ~Refusal();
  Refusal(const Refusal&) = delete;
  Refusal& operator=(const Refusal&) = delete;

  /// Calls that were refused so far.
  int refused() const;

 private:
  struct Asked;
  std::list<Asked>::iterator asked_;

  static std::list<Asked>& all();
  friend Answer answer_to(LibraryCall call);
};

/// What a library answers to a call in which it finds no fault. Counts the call.
Answer answer_to(LibraryCall call);

}  // namespace emulator

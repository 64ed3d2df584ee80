#include "tests/emulator/libraries/refusals.h"

#include <mutex>

namespace emulator {
namespace {

std::mutex mutex;

}  // namespace

struct Refusal::Asked {
  LibraryCall call;
  Range range;
  int calls = 0;
  int refused = 0;
};

std::list<Refusal::Asked>& Refusal::all() {
  static auto& only = *new std::list<Asked>;
  return only;
}

Refusal::Refusal(LibraryCall call, Range range) {
  const std::lock_guard lock(mutex);
  asked_ = all().insert(all().end(), Asked{call, range});
}

Refusal::~Refusal() {
  const std::lock_guard lock(mutex);
  all().erase(asked_);
}

int Refusal::refused() const {
  const std::lock_guard lock(mutex);
  return asked_->refused;
}

Answer answer_to(LibraryCall call) {
  const std::lock_guard lock(mutex);
  Answer answer = Answer::served;
  for (Refusal::Asked& asked : Refusal::all()) {
    if (asked.call != call) continue;
    const int index = asked.calls++ - asked.range.first;
    if (index < 0 || index >= asked.range.count) continue;
    ++asked.refused;
    answer = asked.range.answer;
  }
  return answer;
}

}  // namespace emulator

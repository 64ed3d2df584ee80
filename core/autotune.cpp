#include "ranvier/core/autotune.h"

#include <atomic>

namespace ranvier {
namespace {
std::atomic<bool> timed = false;
}

void set_autotune(bool on) { timed = on; }
bool autotune() { return timed; }

}  // namespace ranvier

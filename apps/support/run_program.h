// What every program does around its own work.
#pragma once

#include <functional>

namespace ranvier::apps {

/// Runs `body` and returns its exit status; an error is printed as one line and becomes status 1.
int run_program(const std::function<int()>& body);

}  // namespace ranvier::apps

// Another program's output, line by line.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ranvier::apps {

/// Runs `command`, its program first (looked up on PATH), without a shell; hands each line that it
/// prints to `take` as it comes; stderr stays where ours goes. Returns its exit status, 128 and the
/// signal's number where one ended it. If `take` throws, the program is ended first. Error (io): it
/// cannot be started.
int for_each_line_of(const std::vector<std::string>& command,
                     const std::function<void(const std::string&)>& take);

}  // namespace ranvier::apps

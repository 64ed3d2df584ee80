#include "tests/emulator/runtime/capture.h"

#include <algorithm>
#include <utility>

namespace emulator {

void Capture::add(Stream* stream, Work work) {
  nodes_.push_back({std::move(work), std::exchange(tails_[stream], {nodes_.size()})});
}

void Capture::join(Stream* stream, const Nodes& nodes) {
  Nodes& tail = tails_[stream];
  tail.insert(tail.end(), nodes.begin(), nodes.end());
}

bool Capture::is_joined() const {
  std::vector<bool> reached(nodes_.size());
  for (const std::size_t node : tails_.at(origin_)) reached[node] = true;
  for (std::size_t node = nodes_.size(); node-- > 0;)  // a node comes after earlier ones only
    if (reached[node])
      for (const std::size_t before : nodes_[node].after) reached[before] = true;
  return std::ranges::all_of(reached, [](bool each) { return each; });
}

std::vector<Stream*> Capture::streams() const {
  std::vector<Stream*> all;
  for (const auto& [stream, tail] : tails_) all.push_back(stream);
  return all;
}

std::vector<Work> Capture::take_work() {
  ended_ = true;
  std::vector<Work> all;
  for (Node& node : nodes_) all.push_back(std::move(node.work));
  return all;
}

}  // namespace emulator

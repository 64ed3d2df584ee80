#include "ranvier/core/graph_recording.h"

#include <utility>

#include "ranvier/core/error.h"

namespace ranvier {
namespace {
thread_local GraphRecording* current_recording = nullptr;
}

GraphRecording::GraphRecording(std::vector<std::shared_ptr<const void>>& kept) : kept_(kept) {
  RV_CHECK(current_recording == nullptr, "[graph] work is being recorded already on this thread.");
  current_recording = this;
}

GraphRecording::~GraphRecording() { current_recording = nullptr; }

GraphRecording* GraphRecording::current() { return current_recording; }

void GraphRecording::keep(std::shared_ptr<const void> thing) { kept_.push_back(std::move(thing)); }

void GraphRecording::before_end(std::function<void()> join) { joins_.push_back(std::move(join)); }

void GraphRecording::end() {
  for (const std::function<void()>& join : joins_) join();
}

}  // namespace ranvier

// Work that is being recorded (core/cuda_graph.h), for those who take part in it with streams of
// their own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace ranvier {

/// While alive, what this thread asks of a device is recorded instead of done. Nothing may be
/// waited for meanwhile. A stream other than the device's joins in by waiting for an event of that
/// one, and has to be led back before the end.
class GraphRecording {
 public:
  /// What has to outlive the recorded work is put into `kept`. Error: another recording of this
  /// thread is alive.
  explicit GraphRecording(std::vector<std::shared_ptr<const void>>& kept);
  ~GraphRecording();
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;

  /// This thread's, or null.
  static GraphRecording* current();

  /// `thing` lives until the work can be launched no more.
  void keep(std::shared_ptr<const void> thing);
  /// `join` is called when everything was asked for; it is not if that fails.
  void before_end(std::function<void()> join);
  /// Calls what `before_end` was given, in that order.
  void end();

 private:
  std::vector<std::shared_ptr<const void>>& kept_;
  std::vector<std::function<void()>> joins_;
};

}  // namespace ranvier

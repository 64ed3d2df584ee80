// A graph of work that is being captured from one or several streams.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <cuda_runtime.h>

namespace emulator {

using Work = std::function<void()>;
using Nodes = std::vector<std::size_t>;

/// Every call is made with the lock of captures.
class Capture {
 public:
  explicit Capture(Stream* origin) : origin_(origin) { tails_[origin] = {}; }

  void add(Stream* stream, Work work);
  /// What the stream's next node comes after.
  const Nodes& tail(Stream* stream) const { return tails_.at(stream); }
  /// The stream's next node comes after `nodes` too; it joins the capture.
  void join(Stream* stream, const Nodes& nodes);

  bool begun_on(const Stream* stream) const { return stream == origin_; }
  bool is_valid() const { return valid_; }
  void invalidate() { valid_ = false; }
  bool has_ended() const { return ended_; }
  /// True if the origin's last work comes after all that was captured.
  bool is_joined() const;
  /// All streams that took part.
  std::vector<Stream*> streams() const;
  /// Ends it. The work in the order in which it was asked for, which fits what it comes after.
  std::vector<Work> take_work();

 private:
  struct Node {
    Work work;
    Nodes after;
  };

  Stream* const origin_;
  bool valid_ = true, ended_ = false;
  std::vector<Node> nodes_;
  std::map<Stream*, Nodes> tails_;
};

}  // namespace emulator

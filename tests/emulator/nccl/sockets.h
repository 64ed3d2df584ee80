// Sockets between threads or processes of one machine, none of which ever blocks.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace emulator::nccl {

/// A descriptor of an open file, which it closes.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File();
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, none)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ != none; }

 private:
  static constexpr int none = -1;
  int descriptor_ = none;
};

/// Ends all waits of a communicator, once for all.
class Alarm {
 public:
  Alarm();
  void raise();
  bool is_raised() const { return raised_; }

  /// Error: it is raised.
  void check() const;
  /// Waits until one of `files` is ready. Error: it is raised, then or before.
  void wait(std::vector<pollfd> files) const;

 private:
  std::atomic<bool> raised_ = false;
  File event_;
};

/// A socket that others find by `name`. Error: the name is taken.
File listen_at(const std::string& name);
/// Not open if nobody listens there, or too many wait to be accepted.
File connect_to(const std::string& name);
File accept_one(const File& listener, const Alarm& alarm);

/// These do as much as is possible without a wait, and return how many bytes that was. Error: the
/// other end is closed.
std::size_t send_some(const File& socket, std::span<const std::byte> bytes);
std::size_t receive_some(const File& socket, std::span<std::byte> bytes);

void send_all(const File& socket, std::span<const std::byte> bytes, const Alarm& alarm);
void receive_all(const File& socket, std::span<std::byte> bytes, const Alarm& alarm);

/// Both ends find it closed, after what has arrived by now.
void hang_up(const File& socket);

}  // namespace emulator::nccl

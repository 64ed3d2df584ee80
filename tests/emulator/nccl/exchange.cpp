#include "tests/emulator/nccl/exchange.h"

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>

#include "tests/emulator/nccl/failure.h"

namespace emulator::nccl {
namespace {

using Size = std::uint64_t;

/// Messages to one rank, each after its size.
class Outbox {
 public:
  explicit Outbox(const File& socket) : socket_(socket) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void add(std::span<const std::byte> message) {
    const Size& size = sizes_.emplace_back(message.size());
    pieces_.push_back(std::as_bytes(std::span(&size, 1)));
    pieces_.push_back(message);
  }

  /// Sends what the socket takes; true if that was all.
  bool advance() {
    for (; !pieces_.empty(); pieces_.pop_front())
      for (std::span<const std::byte>& left = pieces_.front(); !left.empty();) {
        const std::size_t sent = send_some(socket_, left);
        if (sent == 0) return false;
        left = left.subspan(sent);
      }
    return true;
  }

  pollfd next() const { return {socket_.descriptor(), POLLOUT, 0}; }

 private:
  const File& socket_;
  std::deque<Size> sizes_;  // whose places stay
  std::deque<std::span<const std::byte>> pieces_;
};

/// Messages from one rank.
class Inbox {
 public:
  explicit Inbox(const File& socket) : socket_(socket) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void add(const ToReceive& message) { messages_.push_back(message); }

  /// Receives what has arrived; true if that was all.
  bool advance() {
    for (; !messages_.empty(); messages_.pop_front()) {
      if (!size_left_.empty()) {
        if (!fill(size_left_)) return false;
        check_size(messages_.front());
      }
      if (!fill(messages_.front().room)) return false;
      size_left_ = size_bytes();
    }
    return true;
  }

  pollfd next() const { return {socket_.descriptor(), POLLIN, 0}; }

 private:
  std::span<std::byte> size_bytes() { return std::as_writable_bytes(std::span(&size_, 1)); }

  bool fill(std::span<std::byte>& room) {
    while (!room.empty()) {
      const std::size_t received = receive_some(socket_, room);
      if (received == 0) return false;
      room = room.subspan(received);
    }
    return true;
  }

  void check_size(const ToReceive& expected) const {
    if (size_ != expected.room.size())
      fail(ncclInvalidUsage, "rank {} sent {} bytes where {} are received", expected.from, size_,
           expected.room.size());
  }

  const File& socket_;
  std::deque<ToReceive> messages_;
  Size size_ = 0;  // of the first
  std::span<std::byte> size_left_ = size_bytes();
};

/// What a rank sends to itself.
Messages own_messages(const Messages& messages, int rank) {
  Messages own;
  for (const ToSend& each : messages.sends)
    if (each.to == rank) own.sends.push_back(each);
  for (const ToReceive& each : messages.receives)
    if (each.from == rank) own.receives.push_back(each);
  return own;
}

void copy_own_messages(const Messages& messages, int rank) {
  const Messages own = own_messages(messages, rank);
  for (std::size_t i = 0; i < own.sends.size(); ++i)
    if (const auto message = own.sends[i].message; !message.empty())
      std::memcpy(own.receives[i].room.data(), message.data(), message.size());
}

template <class Box>
using Boxes = std::map<int, Box>;  // by the other rank

template <class Box>
Box& box_of(Boxes<Box>& boxes, int other, const Mesh& mesh) {
  return boxes.try_emplace(other, mesh[static_cast<std::size_t>(other)]).first->second;
}

/// Adds to `waits` what the boxes have to wait for.
template <class Box>
void advance(Boxes<Box>& boxes, std::vector<pollfd>& waits) {
  for (auto& [other, box] : boxes)
    if (!box.advance()) waits.push_back(box.next());
}

}  // namespace

void check_own_messages(const Messages& messages, int rank) {
  const Messages own = own_messages(messages, rank);
  if (own.sends.size() != own.receives.size())
    fail(ncclInvalidUsage, "rank {} sends {} messages to itself and receives {} in one group", rank,
         own.sends.size(), own.receives.size());
  for (std::size_t i = 0; i < own.sends.size(); ++i)
    if (own.sends[i].message.size() != own.receives[i].room.size())
      fail(ncclInvalidUsage, "rank {} sends {} bytes to itself where it receives {}", rank,
           own.sends[i].message.size(), own.receives[i].room.size());
}

void exchange(const Messages& messages, int rank, const Mesh& mesh, const Alarm& alarm) {
  copy_own_messages(messages, rank);
  Boxes<Outbox> outboxes;
  Boxes<Inbox> inboxes;
  for (const ToSend& each : messages.sends)
    if (each.to != rank) box_of(outboxes, each.to, mesh).add(each.message);
  for (const ToReceive& each : messages.receives)
    if (each.from != rank) box_of(inboxes, each.from, mesh).add(each);
  while (true) {
    std::vector<pollfd> waits;
    advance(outboxes, waits);
    advance(inboxes, waits);
    if (waits.empty()) return;
    alarm.wait(std::move(waits));
  }
}

}  // namespace emulator::nccl

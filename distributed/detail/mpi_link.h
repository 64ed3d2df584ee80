// How a process talks to others by MPI.
#pragma once

#include <mpi.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ranvier/distributed/detail/mailboxes.h"
#include "ranvier/distributed/transport.h"

namespace ranvier::detail {

/// Moves messages between this process and the others of an MPI launch.
///
/// A message is a packet, which says what comes and holds it if it is small; a large one follows
/// in pieces. Who sends hands it to MPI; a thread of the link's own completes it if that takes
/// longer, and takes packets and pieces of each sender in the order they were sent, ahead of
/// anybody asking for them, into the mailboxes.
class MpiLink {
 public:
  /// Starts MPI. Error (communication): it does not start.
  explicit MpiLink(const TransportOptions& options);
  /// Waits for the ends of all ranks. If one is lost, ends the process as `abort` does.
  ~MpiLink();
  MpiLink(const MpiLink&) = delete;
  MpiLink& operator=(const MpiLink&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  Mailboxes& mailboxes() const { return *mailboxes_; }

  /// Sends a message that is in host memory, which nobody may write to until it was received.
  void send(int to, Channel channel, const Tensor& message);
  /// Waits until MPI has done with what was sent. Error: as waiting for a message.
  void flush();
  [[noreturn]] void abort(const std::string& reason);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Kind : std::uint8_t { message, beat, ended, gave_up };
  /// How a packet begins. Ranks run the same build, so its layout is nobody else's concern.
  struct Header {
    Kind kind = Kind::message;
    Channel channel{};
    DType dtype = DType::u8;
    std::uint8_t axes = 0;
    std::int64_t extents[Shape::max_rank] = {};
    Doing doing{};  // of a beat
  };
  static constexpr std::size_t most_inline = 8 << 10;  // bytes of a message that fits its packet
  struct Outgoing {
    std::vector<std::byte> packet;
    Tensor message;  // undefined if it is in the packet
    std::vector<MPI_Request> requests;
  };
  struct Incoming {
    Tensor message;
    std::vector<MPI_Request> pieces;
  };

  void tell_others(const Header& header, const std::string& text = {});
  void await(bool on);

  // With `calls_` held.
  void post(int to, const Header& header, std::span<const std::byte> content, Tensor rest);
  void post_to_others(const Header& header, std::string_view text = {});

  // Of the link's thread.
  void run();
  void start();
  void serve();
  bool move_messages();
  void listen();
  bool take_packets();
  void take_packet(int from, std::size_t bytes);
  bool take_pieces();
  void let_leave();
  bool complete_sends();
  void beat();
  void rest(bool moved);
  bool finished();
  bool giving_up();
  void close();

  const double patience_;
  const std::chrono::duration<double> beat_interval_;

  std::mutex calls_;  // of MPI, one at a time; locked before `mutex_`
  MPI_Comm world_ = MPI_COMM_NULL;
  std::list<Outgoing> under_way_;

  // Of the link's thread.
  MPI_Request packet_request_ = MPI_REQUEST_NULL;
  std::vector<std::byte> packet_;
  std::map<std::pair<int, Channel>, std::deque<Incoming>> incoming_;  // none is empty
  std::vector<int> leaving_;  // ranks that end when what they sent has come
  Clock::time_point last_beat_, last_move_;

  // Set by the link's thread before it runs.
  int rank_ = 0;
  int size_ = 1;
  std::unique_ptr<Mailboxes> mailboxes_;
  std::string start_error_;

  std::mutex mutex_;
  std::condition_variable work_, settled_;
  enum class State : std::uint8_t { starting, running, over } state_ = State::starting;
  std::size_t unsettled_ = 0;  // messages under way
  bool awaited_ = false;       // the caller's thread waits
  Clock::time_point awaited_since_;
  bool ending_ = false;
  bool giving_up_ = false;

  std::thread thread_;
};

}  // namespace ranvier::detail

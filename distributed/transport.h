// How ranks talk: messages between two of them, in the order they were sent.
//
// A rank is one participant of a training run: a process, or a thread of this one. Everything above
// (collectives, the mesh, sharding over time and data) is written against this interface, so what
// holds on one kind of transport holds on the others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// What messages are about. Between two ranks those of one channel arrive in the order they were
/// sent; different channels do not wait for each other.
enum class Channel : std::uint8_t {
  state,           ///< neuron states, to the rank that has the next steps
  state_gradient,  ///< their gradients, back
  collective,      ///< sums and copies over several ranks
  addend,          ///< what is added up while other work goes on, to the rank that adds it up
  sum,             ///< its sums, back
  control          ///< agreements: digests, stop signals
};
inline constexpr int channel_count = 6;
/// "state", "state_gradient", "collective", "addend", "sum", "control"
const char* name(Channel channel);

/// A message as its sender saw it.
struct MessageRecord {
  int to = 0;
  Channel channel{};
  std::int64_t bytes = 0;

  bool operator==(const MessageRecord&) const = default;
};

/// What to expect of the other ranks.
struct TransportOptions {
  /// Seconds of silence after which a rank counts as lost. A rank that computes is not silent.
  double patience = 20;
};

/// A message to be sent in an exchange.
struct ToSend {
  int to = 0;
  Tensor message{};
};
/// A message that an exchange waits for.
struct Expected {
  int from = 0;
  Shape shape{};
  TensorOptions options{};
};

/// Messages between this rank and several others that are under way.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// Whether `finish` is known to return at once with messages that are there; over `nccl` never.
  virtual bool ready() = 0;
  /// Waits for the messages and returns them in the order in which they were asked for. Once.
  /// Errors as `Transport::receive`.
  virtual std::vector<Tensor> finish() = 0;
};

/// Messages between the ranks of a run. Each rank has a transport of its own, which one thread at
/// a time uses.
class Transport {
 public:
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// "self", "local", "mpi" or "nccl"
  virtual std::string_view kind() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// For messages: "rank 1 (process 4711 on node7)".
  virtual std::string describe(int rank) const = 0;
  /// What a program may want to say of it beside its kind; often nothing.
  virtual std::string details() const { return {}; }

  /// Whether messages of arrays on this rank's device can be recorded (core/cuda_graph.h).
  virtual bool recordable() const { return false; }

  /// Sends `message`, of any dtype, and returns at once; a rank may send to itself. The array must
  /// not be written to before the other rank has received it. Error: a rank that is not there.
  void send(const Tensor& message, int to, Channel channel);
  /// Waits for the next message of `from`, which must have this shape and dtype, and returns it on
  /// the device. Errors (communication): another shape or dtype than the sender's (names both);
  /// the sender was lost.
  Tensor receive(const Shape& shape, const TensorOptions& options, int from, Channel channel);
  /// Sends and receives as one. Where ranks send to each other before they receive, this is needed
  /// instead of `send`: a transport may keep a message until the other rank asks for it. Exchanges
  /// of one channel are finished in the order in which they began.
  std::unique_ptr<Exchange> exchange(const std::vector<ToSend>& sends,
                                     std::vector<Expected> expected, Channel channel);
  /// Whether `receive` would return at once.
  virtual bool arrived(int from, Channel channel) = 0;
  /// Waits until all that this rank sent was taken off its hands.
  virtual void flush() = 0;
  /// Tells all ranks that this one gives up because of `reason`: whatever they wait for fails with
  /// an error that names it.
  virtual void abort(const std::string& reason) = 0;
  /// Why nothing can be waited for any more: a rank was lost or gave up. Empty: there is no reason.
  /// Any thread may ask.
  virtual std::string trouble() const = 0;

  /// Bytes this rank has sent so far, without headers. What is recorded as a graph counts then, and
  /// not when it is launched.
  std::int64_t bytes_sent() const { return bytes_sent_; }
  /// While recording, what this rank sends, in order. Two transports that run the same program have
  /// the same records for each receiver and channel.
  void record_messages(bool on) { recording_ = on; }
  const std::vector<MessageRecord>& messages() const { return messages_; }

 protected:
  Transport() = default;

 private:
  virtual void do_send(const Tensor& message, int to, Channel channel) = 0;
  virtual Tensor do_receive(const Shape& shape, const TensorOptions& options, int from,
                            Channel channel) = 0;
  virtual std::unique_ptr<Exchange> do_exchange(const std::vector<ToSend>& sends,
                                                std::vector<Expected> expected, Channel channel);
  void count(const Tensor& message, int to, Channel channel);
  void check_rank(const char* what, int rank) const;

  std::int64_t bytes_sent_ = 0;
  bool recording_ = false;
  std::vector<MessageRecord> messages_;
};

}  // namespace ranvier

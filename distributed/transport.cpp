#include "ranvier/distributed/transport.h"

#include <algorithm>

namespace ranvier {

const char* name(Channel channel) {
  switch (channel) {
    case Channel::state:
      return "state";
    case Channel::state_gradient:
      return "state_gradient";
    case Channel::collective:
      return "collective";
    case Channel::addend:
      return "addend";
    case Channel::sum:
      return "sum";
    case Channel::control:
      return "control";
  }
  fail(ErrorCode::invalid_argument, "[transport] there is no channel {}.",
       static_cast<int>(channel));
}

void Transport::check_rank(const char* what, int rank) const {
  RV_CHECK(rank >= 0 && rank < size(), "[{}] there is no rank {}; the ranks are 0 to {}.", what,
           rank, size() - 1);
}

void Transport::send(const Tensor& message, int to, Channel channel) {
  check_rank("send", to);
  do_send(message.detach(), to, channel);
  count(message, to, channel);
}

void Transport::count(const Tensor& message, int to, Channel channel) {
  bytes_sent_ += message.nbytes();
  if (recording_) messages_.push_back({to, channel, message.nbytes()});
}

Tensor Transport::receive(const Shape& shape, const TensorOptions& options, int from,
                          Channel channel) {
  check_rank("receive", from);
  const Tensor message = do_receive(shape, options, from, channel);
  if (message.shape() != shape || message.dtype() != options.dtype)
    fail(ErrorCode::communication,
         "[receive] {} expects {} {} on channel '{}', and {} sent {} {}: they do not run the same "
         "program.",
         describe(rank()), options.dtype, shape, name(channel), describe(from), message.dtype(),
         message.shape());
  return message.to(options.device);
}

std::unique_ptr<Exchange> Transport::exchange(const std::vector<ToSend>& sends,
                                              std::vector<Expected> expected, Channel channel) {
  for (const ToSend& each : sends) check_rank("exchange", each.to);
  for (const Expected& each : expected) check_rank("exchange", each.from);
  auto exchange = do_exchange(sends, std::move(expected), channel);
  for (const ToSend& each : sends) count(each.message, each.to, channel);
  return exchange;
}

namespace {

/// Messages that a transport sends at once and keeps until they are asked for.
class QueuedExchange final : public Exchange {
 public:
  QueuedExchange(Transport& transport, std::vector<Expected> expected, Channel channel)
      : transport_(transport), expected_(std::move(expected)), channel_(channel) {}

  bool ready() override {
    return std::all_of(expected_.begin(), expected_.end(), [&](const Expected& each) {
      return transport_.arrived(each.from, channel_);
    });
  }
  std::vector<Tensor> finish() override {
    std::vector<Tensor> messages;
    for (const auto& [from, shape, options] : expected_)
      messages.push_back(transport_.receive(shape, options, from, channel_));
    return messages;
  }

 private:
  Transport& transport_;
  std::vector<Expected> expected_;
  Channel channel_;
};

}  // namespace

std::unique_ptr<Exchange> Transport::do_exchange(const std::vector<ToSend>& sends,
                                                 std::vector<Expected> expected, Channel channel) {
  for (const auto& [to, message] : sends) do_send(message.detach(), to, channel);
  return std::make_unique<QueuedExchange>(*this, std::move(expected), channel);
}

}  // namespace ranvier

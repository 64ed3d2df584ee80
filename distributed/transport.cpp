#include "ranvier/distributed/transport.h"

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

}  // namespace ranvier

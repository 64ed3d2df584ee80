#include "ranvier/distributed/detail/message_layout.h"

#include <algorithm>

namespace ranvier::detail {
namespace {

constexpr std::int64_t boundary = 256;  // of blocks on CUDA devices

std::int64_t round_down(std::int64_t bytes) { return bytes / boundary * boundary; }
std::int64_t round_up(std::int64_t bytes) { return round_down(bytes + boundary - 1); }

/// The span of `message`'s array; a new one is of the message alone.
MessageLayout::Span& span_of(MessageLayout& layout, const Tensor& message) {
  const Storage* const source = message.storage().get();
  for (MessageLayout::Span& span : layout.spans)
    if (span.source == source) return span;
  const std::int64_t begin = message.storage_offset();
  return layout.spans.emplace_back(
      MessageLayout::Span{.source = source, .from = begin, .to = begin + message.nbytes()});
}

}  // namespace

std::vector<Tensor> MessageLayout::in(const std::shared_ptr<Storage>& block) const {
  std::vector<Tensor> messages;
  for (const auto& [shape, dtype, at] : places) messages.emplace_back(block, at, shape, dtype);
  return messages;
}

MessageLayout lay_out(const std::vector<ToSend>& sends) {
  MessageLayout layout;
  for (const auto& [to, message] : sends) {
    MessageLayout::Span& span = span_of(layout, message);
    span.from = std::min(span.from, message.storage_offset());
    span.to = std::max(span.to, message.storage_offset() + message.nbytes());
  }
  for (MessageLayout::Span& span : layout.spans) {
    span.from = round_down(span.from);
    span.at = layout.bytes;
    layout.bytes += round_up(span.to - span.from);
  }
  for (const auto& [to, message] : sends) {
    const MessageLayout::Span& span = span_of(layout, message);
    layout.places.push_back(
        {message.shape(), message.dtype(), span.at + message.storage_offset() - span.from});
  }
  return layout;
}

MessageLayout lay_out(const std::vector<Expected>& expected) {
  MessageLayout layout;
  for (const auto& [from, shape, options] : expected) {
    layout.places.push_back({shape, options.dtype, layout.bytes});
    layout.bytes += round_up(array_bytes(shape, options.dtype));
  }
  return layout;
}

}  // namespace ranvier::detail

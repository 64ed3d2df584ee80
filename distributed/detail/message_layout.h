// Where messages lie in one block of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ranvier/distributed/transport.h"

namespace ranvier::detail {

/// A place for each of several messages. A copy lies on the same boundaries as what it is of.
struct MessageLayout {
  struct Place {
    Shape shape;
    DType dtype;
    std::int64_t at;  ///< in the block, in bytes
  };
  /// Bytes of an array that are copied as one.
  struct Span {
    const Storage* source;
    std::int64_t from, to;
    std::int64_t at = 0;
  };

  std::vector<Place> places{};  ///< of the messages, in their order
  std::vector<Span> spans{};
  std::int64_t bytes = 0;  ///< of the block

  /// The messages as parts of `block`.
  std::vector<Tensor> in(const std::shared_ptr<Storage>& block) const;
};

/// Of copies of what is sent. An array that several ranks get, whole or in slices, is one span.
MessageLayout lay_out(const std::vector<ToSend>& sends);
/// Of what is expected; there are no spans.
MessageLayout lay_out(const std::vector<Expected>& expected);

}  // namespace ranvier::detail

// The choice between event-driven and dense products, one place for all operations.
#pragma once

#include <cstdint>

#include "ranvier/core/storage.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/spikes/event_thresholds.h"

namespace ranvier::detail {

/// What is asked: `threshold` names the operation (`&EventThresholds::conv_forward`), `compute` the
/// dtype of the dense product, `depth` its summands and `columns` its results a row.
struct EventQuestion {
  double EventThresholds::*threshold = nullptr;
  DType compute = DType::f32;
  std::int64_t depth = 0;
  std::int64_t columns = 0;
};

/// True if `spikes` are packed and, as a whole, sparse enough for an event-driven product.
bool choose_events(const EventQuestion& question, const Tensor& spikes);

/// The choice for each item (a row, an image) of packed spikes by its own density: what becomes of
/// an item does not depend on its neighbours, so that a shard of time gives the bits of the whole.
class EventChoice {
 public:
  /// `items` items of `item_words` words, `item_elements` elements each.
  EventChoice(const EventQuestion& question, const Tensor& spikes, std::int64_t items,
              std::int64_t item_words, std::int64_t item_elements);

  /// Items that are chosen to be event-driven.
  std::int64_t events() const { return events_; }
  std::int64_t items() const { return items_; }
  /// One byte for each item: 1 if it is event-driven.
  const std::uint8_t* flags() const { return reinterpret_cast<const std::uint8_t*>(flags_.data()); }

 private:
  std::int64_t items_;
  std::int64_t events_ = 0;
  Storage flags_;
};

}  // namespace ranvier::detail

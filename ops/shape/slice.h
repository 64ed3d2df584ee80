// A part of a tensor along one axis; along time, a shard.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// The elements [begin, end) of `axis`. Along axis 0 (a shard of time) a view that shares x's
/// storage, along others a copy. The gradient is padded with zeros. Errors: not 0 <= begin <= end
/// <= extent; the last axis of packed spikes.
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end);

}  // namespace ranvier

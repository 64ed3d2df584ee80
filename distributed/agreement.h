// Whether all ranks are about to do the same thing.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/core/named_tensor.h"
#include "ranvier/distributed/collectives.h"

namespace ranvier {

/// What ranks must have in common, by name; in the order in which differences are told.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Returns once all members have called it with the same facts. Error (communication), on all of
/// them: facts that differ from those of the group's first member; tells each rank that differs,
/// in what, and both values.
void require_agreement(const Group& group, const Facts& facts);

/// A number that tells tensors apart by name, shape and every bit: FNV-1a, as 16 hexadecimal
/// digits.
std::string digest(const NamedTensors& tensors);

}  // namespace ranvier

// Which memory is a device's.
#pragma once

#include <cstddef>

namespace emulator {

enum class Place { host, device, beyond };

/// Where `bytes` bytes from `from` lie; beyond: they begin in a block of a device and do not end in
/// it.
Place place_of(const void* from, std::size_t bytes);

}  // namespace emulator

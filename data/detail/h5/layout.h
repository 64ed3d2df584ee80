// Where the bytes of a data set of one dimension lie.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/data/detail/h5/object.h"

namespace ranvier::detail::h5 {

/// Reads all `count` elements of `size` bytes of the data set `name`, wherever its layout puts
/// them. Takes memory for what the file can hold and no more. Errors: a layout or filter that is
/// not read here; damage.
std::vector<std::uint8_t> read_elements(const Source& source, const Object& object,
                                        const std::string& name, std::uint64_t count,
                                        std::uint32_t size);

}  // namespace ranvier::detail::h5

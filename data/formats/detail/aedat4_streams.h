// What the header of an AEDAT 4.0 file says about its streams.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ranvier::detail::aedat4 {

struct Stream {
  std::string kind;                    ///< "EVTS"
  std::int64_t width = 0, height = 0;  ///< 0: not stated
};

/// The streams that `xml` describes, by their number:
///   <node name="outInfo"> <node name="0"> <attr key="typeIdentifier">EVTS</attr>
///     <node name="info"> <attr key="sizeX">320</attr> ...
/// What is not understood is passed over: packets also say themselves what they are.
std::map<std::int32_t, Stream> parse_streams(std::string_view xml);

}  // namespace ranvier::detail::aedat4

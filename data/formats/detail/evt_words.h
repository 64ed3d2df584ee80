// The types of words in Prophesee's encodings: the top four bits of each word.
#pragma once

namespace ranvier::detail {

/// Words of 32 bits.
namespace evt2 {
enum Type : unsigned {
  cd_off = 0x0,     ///< an event: 6 low bits of its time, 11 bits x, 11 bits y
  cd_on = 0x1,      ///< as cd_off
  time_high = 0x8,  ///< bits 6 to 33 of the times that follow
  trigger = 0xa,
  others = 0xe,
  continued = 0xf,
};
}

/// Words of 16 bits.
namespace evt3 {
enum Type : unsigned {
  addr_y = 0x0,       ///< 11 bits y of the events that follow
  addr_x = 0x2,       ///< an event: 1 bit polarity, 11 bits x
  vect_base_x = 0x3,  ///< polarity and x where the next vector begins
  vect_12 = 0x4,      ///< an event per bit that is set, the lowest first; x moves on by 12
  vect_8 = 0x5,       ///< the same with 8
  time_low = 0x6,     ///< bits 0 to 11 of the times that follow
  continued_4 = 0x7,
  time_high = 0x8,  ///< bits 12 to 23
  trigger = 0xa,
  others = 0xe,
  continued_12 = 0xf,
};
}

}  // namespace ranvier::detail

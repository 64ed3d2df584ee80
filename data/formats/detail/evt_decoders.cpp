#include "ranvier/data/formats/detail/evt_decoders.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/evt_words.h"

namespace ranvier::detail {
namespace {

/// The words of a file, and where they lie.
template <class Word>
class Words {
 public:
  /// Error: the last word is cut.
  Words(Bytes content, std::int64_t first, const ReadPlace& place)
      : content_(content),
        first_(first),
        count_(count_records(place, "word", first, static_cast<std::int64_t>(content.size()),
                             sizeof(Word))) {}

  std::int64_t size() const { return count_; }
  std::int64_t offset(std::int64_t i) const {
    return first_ + i * static_cast<std::int64_t>(sizeof(Word));
  }
  std::uint32_t operator[](std::int64_t i) const {
    return load_le<Word>(content_.data() + offset(i));
  }

 private:
  Bytes content_;
  std::int64_t first_, count_;
};

[[noreturn]] void fail_type(const ReadPlace& place, std::int64_t index, std::int64_t offset,
                            std::uint32_t type, const char* encoding) {
  fail_at(place, "word", index, offset,
          fmt::format("its type is 0x{:x}, which {} does not have", type, encoding));
}

/// Events that the words stand for, those before the first time included.
std::int64_t count_evt3(const Words<std::uint16_t>& words) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < words.size(); ++i) {
    const std::uint32_t word = words[i];
    const std::uint32_t type = word >> 12;
    count += type == evt3::addr_x    ? 1
             : type == evt3::vect_12 ? std::popcount(word & 0xfff)
             : type == evt3::vect_8  ? std::popcount(word & 0xff)
                                     : 0;
  }
  return count;
}

/// What the words so far say about the events that follow.
class Evt3Decoder {
 public:
  explicit Evt3Decoder(EventFiller& events) : events_(events), wrap_(24) {}

  /// False: EVT 3.0 has no such word.
  bool take(std::uint32_t word, std::int64_t index, std::int64_t offset) {
    switch (word >> 12) {
      case evt3::addr_y:
        y_ = word & 0x7ff;
        return true;
      case evt3::addr_x:
        if (timed_) events_.add(t_, word & 0x7ff, y_, (word & 0x800) != 0, index, offset);
        return true;
      case evt3::vect_base_x:
        x_ = word & 0x7ff;
        on_ = (word & 0x800) != 0;
        return true;
      case evt3::vect_12:
        add_vector(word & 0xfff, 12, index, offset);
        return true;
      case evt3::vect_8:
        add_vector(word & 0xff, 8, index, offset);
        return true;
      case evt3::time_low:
        set_time(high_, word & 0xfff);
        return true;
      case evt3::time_high:
        // A new high part starts at its beginning, or time would run ahead until the next TIME_LOW.
        timed_ = true;
        set_time(word & 0xfff, (word & 0xfff) == high_ ? low_ : 0);
        return true;
      default:
        return word >> 12 == evt3::continued_4 || word >> 12 == evt3::trigger ||
               word >> 12 == evt3::others || word >> 12 == evt3::continued_12;
    }
  }

 private:
  void add_vector(std::uint32_t bits, std::uint32_t length, std::int64_t index,
                  std::int64_t offset) {
    for (; bits != 0 && timed_; bits &= bits - 1)
      events_.add(t_, x_ + static_cast<std::uint32_t>(std::countr_zero(bits)), y_, on_, index,
                  offset);
    x_ = std::min(x_ + length, std::uint32_t{1} << 16);  // outside every sensor, and no overflow
  }
  void set_time(std::uint32_t high, std::uint32_t low) {
    high_ = high;
    low_ = low;
    if (timed_) t_ = wrap_(high << 12 | low);
  }

  EventFiller& events_;
  WrappingTime wrap_;
  std::uint32_t y_ = 0, x_ = 0;  // x: where the next vector begins
  bool on_ = false;              // of the next vector
  std::uint32_t high_ = 0, low_ = 0;
  bool timed_ = false;
  std::int64_t t_ = 0;
};

}  // namespace

void decode_evt2(Bytes content, std::int64_t first, Recording& recording, const ReadPlace& place,
                 const ReadOptions& options) {
  const Words<std::uint32_t> words(content, first, place);
  check_event_count(words.size(), place, options);
  EventFiller events(recording, place, "word", words.size());
  WrappingTime wrap(28);
  std::int64_t high = -1;  // unknown
  for (std::int64_t i = 0; i < words.size(); ++i) {
    const std::uint32_t word = words[i];
    switch (word >> 28) {
      case evt2::cd_off:
      case evt2::cd_on:
        if (high >= 0)
          events.add(high | ((word >> 22) & 0x3f), (word >> 11) & 0x7ff, word & 0x7ff, word >> 28,
                     i, words.offset(i));
        break;
      case evt2::time_high:
        high = wrap(word & 0x0fffffff) << 6;
        break;
      case evt2::trigger:
      case evt2::others:
      case evt2::continued:
        break;
      default:
        fail_type(place, i, words.offset(i), word >> 28, "EVT 2.0");
    }
  }
  events.finish();
}

void decode_evt3(Bytes content, std::int64_t first, Recording& recording, const ReadPlace& place,
                 const ReadOptions& options) {
  const Words<std::uint16_t> words(content, first, place);
  const std::int64_t most = count_evt3(words);
  check_event_count(most, place, options);
  EventFiller events(recording, place, "word", most);
  Evt3Decoder decoder(events);
  for (std::int64_t i = 0; i < words.size(); ++i)
    if (!decoder.take(words[i], i, words.offset(i)))
      fail_type(place, i, words.offset(i), words[i] >> 12, "EVT 3.0");
  events.finish();
}

}  // namespace ranvier::detail

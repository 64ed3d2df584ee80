// Words and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ranvier::apps {

/// `text` for HTML and SVG, between tags or in a quoted attribute: markup is escaped; what is not
/// UTF-8, and control characters, become U+FFFD.
std::string escape(std::string_view text);

/// Characters of UTF-8 `text`; a byte that belongs to none counts as one.
int characters(std::string_view text);

/// The first `most` characters of UTF-8 `text`, or all of it.
std::string_view first_characters(std::string_view text, int most);

/// `text` if it has at most `most` characters, or else as many with an ellipsis as the last.
std::string shorten(std::string_view text, int most);

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);

}  // namespace ranvier::apps

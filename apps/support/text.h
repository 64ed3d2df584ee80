// Words and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ranvier::apps {

/// `text` for HTML and SVG, between tags or in a quoted attribute: markup is escaped; what is not
/// UTF-8, and control characters, become U+FFFD.
std::string escape(std::string_view text);

/// The first characters of UTF-8 `text`, with an ellipsis if it has more than `most` of them.
std::string shorten(std::string_view text, int most);

/// Characters of UTF-8 `text`.
int characters(std::string_view text);

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);

}  // namespace ranvier::apps

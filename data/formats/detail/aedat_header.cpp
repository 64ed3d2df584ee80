#include "ranvier/data/formats/detail/aedat_header.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

/// The first line of `text` without its end.
std::string_view first_line(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void check_version(std::string_view text, std::string_view version, const ReadPlace& place) {
  const std::string expected = fmt::format("#!AER-DAT{}", version);
  if (text.starts_with(expected)) return;
  std::string found(text.substr(0, std::min(text.find_first_of("\r\n"), expected.size())));
  std::replace_if(
      found.begin(), found.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  fail(ErrorCode::format, "[{}] {} begins with \"{}\"; it must begin with \"{}\".", place.reader,
       place.file, found, expected);
}

}  // namespace

AedatHeader::AedatHeader(Bytes content, std::string_view version, std::string_view last,
                         const ReadPlace& place) {
  const std::string_view all(
      reinterpret_cast<const char*>(content.data()),
      std::min(content.size(), static_cast<std::size_t>(most_aedat_header_bytes)));
  check_version(all, version, place);
  std::size_t begin = 0;
  std::int64_t lines = 0;
  const auto fail_line = [&](const std::string& what) {
    fail_at(place, "header line", lines, static_cast<std::int64_t>(begin), what);
  };
  for (bool ended = false; !ended; ++lines) {
    if (begin < all.size() && all[begin] != '#')
      fail_line(fmt::format("it must begin with \"#\", or the one before it be \"{}\"", last));
    const std::size_t end = all.find('\n', begin);
    if (end == all.npos && all.size() < content.size())
      fail_line(fmt::format("the header has more than {} bytes", all.size()));
    if (end == all.npos) fail_line("the file ends within its header");
    const std::string_view line = first_line(all.substr(begin));
    begin = end + 1;
    ended = last.empty() ? begin == all.size() || all[begin] != '#' : line == last;
  }
  text_ = all.substr(0, begin);
}

std::string_view AedatHeader::after(std::string_view beginning) const {
  for (std::size_t begin = 0; begin < text_.size();) {
    const std::string_view line = first_line(text_.substr(begin));
    if (line.starts_with(beginning)) return line.substr(beginning.size());
    begin = text_.find('\n', begin) + 1;
  }
  return {};
}

}  // namespace ranvier::detail

#include "ranvier/data/formats/detail/prophesee_header.h"

#include <algorithm>

#include "ranvier/data/formats/detail/trimmed.h"

namespace ranvier::detail {
namespace {

/// The first line of `text` without its end; "" if it does not end or is no text. Data may begin
/// with the bytes of "% " too, but not go on as text until the end of a line.
std::string_view text_line(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const bool printable = std::all_of(line.begin(), line.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || c == '\t' || c == '\r';
  });
  return printable && line.size() < text.size() ? line : std::string_view();
}

/// "key value" of a line "% key value".
std::string_view entry(std::string_view line) { return trimmed(line.substr(1)); }

}  // namespace

PropheseeHeader::PropheseeHeader(Bytes content) {
  const std::string_view all(reinterpret_cast<const char*>(content.data()), content.size());
  std::size_t end = 0;
  while (all.substr(end).starts_with("% ")) {
    const std::string_view line = text_line(all.substr(end));
    if (line.empty()) break;
    end += line.size() + 1;
    if (entry(line) == "end") break;
  }
  text_ = all.substr(0, end);
}

std::string_view PropheseeHeader::value(std::string_view key) const {
  for (std::size_t begin = 0; begin < text_.size();) {
    const std::string_view line = text_line(text_.substr(begin));
    begin += line.size() + 1;
    const std::string_view found = entry(line);
    if (found.starts_with(key) && found.size() > key.size() && found[key.size()] == ' ')
      return trimmed(found.substr(key.size()));
  }
  return {};
}

}  // namespace ranvier::detail

#include "ranvier/data/formats/detail/aedat4_streams.h"

#include <charconv>
#include <optional>
#include <vector>

namespace ranvier::detail::aedat4 {
namespace {

template <class Int>
std::optional<Int> whole_number(std::string_view text) {
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What stands between the quotes of name="..." in `tag`.
std::string_view attribute(std::string_view tag, std::string_view name) {
  for (std::size_t at = tag.find(name); at != tag.npos; at = tag.find(name, at + 1)) {
    const std::string_view rest = tag.substr(at + name.size());
    if (!rest.starts_with("=\"")) continue;
    const std::string_view value = rest.substr(2);
    return value.substr(0, value.find('"'));
  }
  return {};
}

/// `value` of `key` in the node at `path`.
void take(const std::vector<std::string_view>& path, std::string_view key, std::string_view value,
          std::map<std::int32_t, Stream>& streams) {
  const bool own = path.size() == 2, info = path.size() == 3 && path[2] == "info";
  if (!own && !info) return;
  const auto number = whole_number<std::int32_t>(path[1]);
  if (!number) return;
  if (own && key == "typeIdentifier") streams[*number].kind = value;
  const std::int64_t extent = whole_number<std::int64_t>(value).value_or(0);
  if (info && extent >= 1 && extent <= 32768) {
    if (key == "sizeX") streams[*number].width = extent;
    if (key == "sizeY") streams[*number].height = extent;
  }
}

}  // namespace

std::map<std::int32_t, Stream> parse_streams(std::string_view xml) {
  std::map<std::int32_t, Stream> streams;
  std::vector<std::string_view> path;  // names of the nodes that are open
  while (true) {
    const std::size_t begin = xml.find('<');
    const std::size_t end = xml.find('>', begin);
    if (begin == xml.npos || end == xml.npos) return streams;
    const std::string_view tag = xml.substr(begin + 1, end - begin - 1);
    xml.remove_prefix(end + 1);
    if (tag.starts_with("node ") && !tag.ends_with('/')) path.push_back(attribute(tag, "name"));
    if (tag == "/node" && !path.empty()) path.pop_back();
    if (tag.starts_with("attr "))
      take(path, attribute(tag, "key"), xml.substr(0, xml.find('<')), streams);
  }
}

}  // namespace ranvier::detail::aedat4

// A look at HTML as a browser with no patience would take it.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ranvier::test {

/// Takes from the front of `text` what a tag's or an attribute's name may hold.
inline std::string take_name(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[length])) || text[length] == '-'))
    ++length;
  const std::string name(text.substr(0, length));
  text.remove_prefix(length);
  return name;
}

/// True if `text`, what follows a tag's name, is ` name="value"` any number of times.
inline bool are_attributes(std::string_view text) {
  while (!text.empty()) {
    if (text[0] != ' ') return false;
    text.remove_prefix(1);
    if (take_name(text).empty() || !text.starts_with("=\"")) return false;
    const auto end = text.find('"', 2);
    if (end == text.npos || text.substr(0, end).find('<') != text.npos) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

/// Empty if every tag of `html` is closed in its order and every attribute is quoted; else what is
/// wrong.
inline std::string markup_fault(std::string_view html) {
  static const std::set<std::string> without_end{"meta", "link", "img"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != html.npos; at = html.find('<', at + 1)) {
    if (html.substr(at).starts_with("<!DOCTYPE html>")) continue;
    const auto end = html.find('>', at);
    std::string_view tag = html.substr(at + 1, end == html.npos ? end : end - at - 1);
    const std::string shown(tag.substr(0, 100));
    const bool closes = tag.starts_with('/'), closed = tag.ends_with('/');
    if (closes) tag.remove_prefix(1);
    if (closed) tag.remove_suffix(1);
    const std::string name = take_name(tag);
    if (end == html.npos || name.empty() || !are_attributes(tag)) return "not a tag: " + shown;
    if (closed || without_end.contains(name)) continue;
    if (closes) {
      if (open.empty() || open.back() != name) return "closed but not open: " + name;
      open.pop_back();
    } else {
      open.push_back(name);
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

/// How often `part` occurs in `text`.
inline int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace ranvier::test

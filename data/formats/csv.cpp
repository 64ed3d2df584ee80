#include "ranvier/data/formats/csv.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_columns.h"
#include "ranvier/data/formats/detail/trimmed.h"
#include "ranvier/data/formats/detail/writing.h"

namespace ranvier {
namespace {

using Column = std::vector<std::int64_t>;

/// The text before the first `end`, which is taken off `rest` with it.
std::string_view take_until(std::string_view& rest, char end) {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
  return taken;
}

bool is_heading(std::string_view line) {
  return std::any_of(line.begin(), line.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// Lines of a file, counted from 1 for error texts.
class Lines {
 public:
  Lines(std::string_view text, const detail::ReadPlace& place) : text_(text), place_(place) {}

  /// The next line that is not empty; false at the end.
  bool next(std::string_view& line) {
    std::string_view rest = text_.substr(next_);
    do {
      if (rest.empty()) return false;
      begin_ = text_.size() - rest.size();
      ++number_;
      line = detail::trimmed(take_until(rest, '\n'));
    } while (line.empty());
    next_ = text_.size() - rest.size();
    return true;
  }
  [[noreturn]] void fail(const std::string& what) const {
    detail::fail_at(place_, "line", number_, static_cast<std::int64_t>(begin_), what);
  }

 private:
  std::string_view text_;
  const detail::ReadPlace& place_;
  std::size_t begin_ = 0, next_ = 0;
  std::int64_t number_ = 0;
};

/// Where the values of a line belong, in the order in which they stand.
std::vector<Column*> columns_of(std::string_view heading, detail::EventColumns& columns,
                                const Lines& lines) {
  std::vector<Column*> order;
  bool t = false, x = false;
  while (!heading.empty()) {
    const std::string_view name = detail::trimmed(take_until(heading, ','));
    Column* column = nullptr;
    if (name == "t" && !t) column = &columns.t;
    if (name == "x" && !x) column = &columns.x;
    if (name == "y" && !columns.y) column = &columns.y.emplace();
    if (name == "p" && !columns.p) column = &columns.p.emplace();
    if (column == nullptr)
      lines.fail(fmt::format("\"{}\" is no column, or is there twice; t, x, y and p are", name));
    t = t || name == "t";
    x = x || name == "x";
    order.push_back(column);
  }
  if (!t || !x) lines.fail("the columns t and x must be there");
  return order;
}

void take_values(std::string_view line, const std::vector<Column*>& order, const Lines& lines) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (line.empty())
      lines.fail(fmt::format("it has {} values; {} columns were named", i, order.size()));
    const std::string_view text = detail::trimmed(take_until(line, ','));
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
      lines.fail(fmt::format("\"{}\" is no integer", text.substr(0, 40)));
    order[i]->push_back(value);
  }
  if (!line.empty()) lines.fail(fmt::format("it has more than {} values", order.size()));
}

}  // namespace

Recording parse_csv(std::span<const std::uint8_t> content, const std::string& name,
                    const CsvOptions& options) {
  const detail::ReadPlace place{"csv", name};
  Lines lines({reinterpret_cast<const char*>(content.data()), content.size()}, place);
  detail::EventColumns columns;
  std::vector<Column*> order;
  for (std::string_view line; lines.next(line);) {
    const bool first = order.empty(), heading = first && is_heading(line);
    if (first) order = columns_of(heading ? line : "t,x,y,p", columns, lines);
    if (!heading) take_values(line, order, lines);
  }
  return detail::recording_of(columns, options.sensor, place, options.read);
}

Recording read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return parse_csv(detail::read_file("csv", path, options.read.max_bytes), path.string(), options);
}

std::vector<std::uint8_t> encode_csv(const Recording& recording) {
  detail::check_encodable("csv", recording, {.least_time = -max_time, .most_time = max_time});
  const Events& events = recording.events;
  std::vector<std::uint8_t> out;
  const auto end = std::back_inserter(out);
  fmt::format_to(end, "t,x,y,p\n");
  for (std::size_t i = 0; i < events.t.size(); ++i)
    fmt::format_to(end, "{},{},{},{}\n", events.t[i], events.x[i], events.y[i], +events.p[i]);
  return out;
}

}  // namespace ranvier

// The header of a `.npy` array: a Python dictionary as text.
#include <fmt/core.h>

#include <charconv>

#include "ranvier/data/formats/detail/npy.h"

namespace ranvier::detail {
namespace {

/// Reads Python's literals from the front of a text; the first failure ends it.
class Literals {
 public:
  explicit Literals(std::string_view text) : all_(text), rest_(text) {}

  /// Takes `token` if it is next.
  bool accept(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(fmt::format("\"{}\"", token));
  }
  std::string string() {
    skip_space();
    const char quote = rest_.empty() ? ' ' : rest_[0];
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : rest_.npos;
    if (end == rest_.npos || rest_.substr(0, end).find('\\') != rest_.npos) {
      fail("a string");
      return {};
    }
    const std::string value(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return value;
  }
  std::int64_t length() {
    skip_space();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) {
      fail("a length");
      return 0;
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  bool boolean() {
    if (accept("True")) return true;
    expect("False");
    return false;
  }

  bool good() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  void fail(const std::string& wanted) {
    if (good())
      error_ = fmt::format("{} is missing at character {} of its header", wanted,
                           all_.size() - rest_.size());
    rest_ = {};
  }

 private:
  void skip_space() {
    const std::size_t first = rest_.find_first_not_of(" \n");
    rest_.remove_prefix(first == rest_.npos ? rest_.size() : first);
  }

  std::string_view all_, rest_;
  std::string error_;
};

void parse_fields(Literals& literals, std::vector<NpyHeader::Field>& fields) {
  if (!literals.accept("[")) {
    fields.push_back({"", literals.string()});
    return;
  }
  while (literals.good() && !literals.accept("]")) {
    literals.expect("(");
    NpyHeader::Field field{.name = literals.string(), .type = {}};
    literals.expect(",");
    field.type = literals.string();
    literals.expect(")");  // a third item would be the shape of an array within the record
    fields.push_back(std::move(field));
    if (!literals.accept(",")) {
      literals.expect("]");
      return;
    }
  }
}

void parse_shape(Literals& literals, std::vector<std::int64_t>& shape) {
  literals.expect("(");
  while (literals.good() && !literals.accept(")")) {
    shape.push_back(literals.length());
    if (!literals.accept(",")) {
      literals.expect(")");
      return;
    }
  }
}

}  // namespace

std::string parse_npy_header(std::string_view text, NpyHeader& header) {
  Literals literals(text);
  bool descr = false, order = false, shape = false;
  literals.expect("{");
  while (literals.good() && !literals.accept("}")) {
    const std::string key = literals.string();
    literals.expect(":");
    bool& seen = key == "descr" ? descr : key == "fortran_order" ? order : shape;
    if (seen || (&seen == &shape && key != "shape"))
      literals.fail("another key than '" + key + "'");
    seen = true;
    if (key == "descr") parse_fields(literals, header.fields);
    if (key == "fortran_order") header.fortran_order = literals.boolean();
    if (key == "shape") parse_shape(literals, header.shape);
    if (!literals.accept(",")) {
      literals.expect("}");
      break;
    }
  }
  if (!descr || !order || !shape) literals.fail("'descr', 'fortran_order' or 'shape'");
  return literals.error();
}

std::vector<std::uint8_t> npy_header(std::string_view descr, std::size_t size) {
  constexpr std::size_t before = 10;  // magic, version and length
  std::string text =
      fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': ({},), }}", descr, size);
  text.resize((before + text.size() + 64) / 64 * 64 - before, ' ');  // the numbers are aligned
  text.back() = '\n';
  std::vector<std::uint8_t> out{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  append_le(out, static_cast<std::uint16_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

}  // namespace ranvier::detail

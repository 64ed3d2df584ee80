#include "ranvier/optim/detail/parameter_rates.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "ranvier/core/error.h"

namespace ranvier::optim {
namespace {

void check_rate(const char* op, const char* what, double value) {
  RV_CHECK(std::isfinite(value) && value >= 0, "[{}] {} must be >= 0 and finite; got {}.", op, what,
           value);
}

/// Whether `name` is `path`, or stands in it between dots.
bool has_name(std::string_view path, std::string_view name) {
  for (std::size_t at = path.find(name); at != path.npos; at = path.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || path[at - 1] == '.') && (end == path.size() || path[end] == '.')) return true;
  }
  return false;
}

void check_name(const char* op, const NamedTensors& parameters, const std::string& name) {
  std::string paths;
  for (const auto& [path, tensor] : parameters) {
    if (has_name(path, name)) return;
    paths += (paths.empty() ? "" : ", ") + path;
  }
  fail(ErrorCode::invalid_argument, "[{}] the group '{}' has no parameter; they are called {}.", op,
       name, paths);
}

void check_group(const char* op, const NamedTensors& parameters, const ParameterGroup& group) {
  RV_CHECK(!group.names.empty(), "[{}] a group must name its parameters.", op);
  for (const std::string& name : group.names) check_name(op, parameters, name);
  check_rate(op, "lr_factor of a group", group.lr_factor);
  check_rate(op, "weight_decay of a group", group.weight_decay.value_or(0));
}

}  // namespace

std::vector<ParameterRates> rates_of(const char* op, const NamedTensors& parameters,
                                     double weight_decay, const ParameterGroups& groups) {
  check_rate(op, "weight_decay", weight_decay);
  for (const ParameterGroup& group : groups) check_group(op, parameters, group);
  std::vector<ParameterRates> rates;
  for (const auto& [path, tensor] : parameters) {
    const auto takes = [&](const ParameterGroup& group) {
      return std::any_of(group.names.begin(), group.names.end(),
                         [&](const std::string& name) { return has_name(path, name); });
    };
    const auto group = std::find_if(groups.begin(), groups.end(), takes);
    rates.push_back(
        group == groups.end()
            ? ParameterRates{1, weight_decay}
            : ParameterRates{group->lr_factor, group->weight_decay.value_or(weight_decay)});
  }
  return rates;
}

}  // namespace ranvier::optim

#include "ranvier/distributed/agreement.h"

#include <algorithm>
#include <string_view>

namespace ranvier {
namespace {

// A line per fact: name, a tab, value.
std::string to_text(const Facts& facts) {
  std::string text;
  for (const auto& [name, value] : facts) text += name + '\t' + value + '\n';
  return text;
}

Facts to_facts(std::string_view text) {
  Facts facts;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t tab = line.find('\t');
    facts.emplace_back(line.substr(0, tab), line.substr(tab + 1));
    text.remove_prefix(line.size() + 1);
  }
  return facts;
}

const std::string* value_of(const Facts& facts, const std::string& name) {
  const auto found = std::find_if(facts.begin(), facts.end(),
                                  [&](const auto& fact) { return fact.first == name; });
  return found == facts.end() ? nullptr : &found->second;
}

/// What `other` has otherwise than `first`: "steps 8 (not 4), seed 1 (not 0)".
std::string differences(const Facts& first, const Facts& other) {
  const std::string nothing = "none";
  std::string text;
  const auto note = [&](const std::string& name, const std::string* value,
                        const std::string* expected) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {} (not {})", name, value ? *value : nothing,
                        expected ? *expected : nothing);
  };
  for (const auto& [name, expected] : first) {
    const std::string* value = value_of(other, name);
    if (!value || *value != expected) note(name, value, &expected);
  }
  for (const auto& [name, value] : other)
    if (!value_of(first, name)) note(name, &value, nullptr);
  return text;
}

}  // namespace

void require_agreement(const Group& group, const Facts& facts) {
  const std::vector<std::string> texts = all_gather_text(group, to_text(facts));
  const Facts first = to_facts(texts.front());
  std::string found;
  for (std::size_t i = 1; i < texts.size(); ++i)
    if (texts[i] != texts.front())
      found +=
          fmt::format(" {} has {}.", group.transport().describe(group.rank(static_cast<int>(i))),
                      differences(first, to_facts(texts[i])));
  if (!found.empty())
    fail(ErrorCode::communication, "[agreement] ranks differ from {}:{} Start all with the same.",
         group.transport().describe(group.rank(0)), found);
}

std::string digest(const NamedTensors& tensors) {
  std::uint64_t hash = 14695981039346656037u;
  const auto add = [&](const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
  };
  for (const auto& [name, tensor] : tensors) {
    const std::string head = fmt::format("{} {} {}", name, tensor.dtype(), tensor.shape());
    const Tensor values = tensor.to(cpu_device);
    add(head.data(), head.size());
    add(values.raw_data(), static_cast<std::size_t>(values.nbytes()));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace ranvier

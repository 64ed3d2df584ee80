#include "apps/plan/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "apps/bench/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/loss/softmax.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/readout.h"

namespace ranvier::apps {
namespace {

using Loss = std::function<Tensor(const Tensor& output)>;

/// A size of the sample and the rest that a model needs.
struct Request {
  const PlanModelOptions& options;
  PlanPart part;

  std::vector<std::int64_t> hidden(std::vector<std::int64_t> catalogue) const {
    if (options.hidden > 0) catalogue.assign(catalogue.size(), options.hidden);
    return catalogue;
  }
};

constexpr double event_density = 0.02;

Tensor labels(std::int64_t batch, std::int64_t classes) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < batch; ++i) values.push_back(i % classes);
  return from_vector(values, {batch});
}

Tensor images(const Request& request) { return uniform({request.part.batch, 28, 28, 1}, 0, 1); }

Loss counts_loss(const Request& request, std::int64_t classes) {
  return [=, target = labels(request.part.batch, classes)](const Tensor& output) {
    return cross_entropy(read_out(Readout::sum, output), target.to(output.device()));
  };
}

Loss votes_loss(const Request& request, std::int64_t classes) {
  return [=, target = labels(request.part.batch, classes)](const Tensor& output) {
    return cross_entropy(read_out(Readout::sum, softmax(output)), target.to(output.device()));
  };
}

PlanModel csnn_model(const Request& r) {
  CsnnOptions o{.steps = r.part.all_steps};
  if (r.options.channels > 0) o.channels = r.options.channels;
  const Tensor target = one_hot(labels(r.part.batch, o.classes), o.classes);
  return {.network = csnn(o),
          .input = images(r),
          .loss =
              [target](const Tensor& output) {
                return mse_loss(mean(output, {0}), target.to(output.device()));
              },
          .optimizer = "sgd",
          .input_text = "images 28x28x1"};
}

PlanModel mlp_model(const Request& r) {
  LeakyMlpOptions o{.steps = r.part.all_steps};
  if (r.options.hidden > 0) o.hidden = r.options.hidden;
  return {.network = leaky_mlp(o),
          .input = images(r),
          .loss = counts_loss(r, o.classes),
          .optimizer = "adam",
          .input_text = "images 28x28x1"};
}

PlanModel spike_train_model(const Request& r, Sequential network, std::int64_t inputs, Loss loss) {
  return {.network = std::move(network),
          .input = random_spikes({r.part.steps, r.part.batch, inputs}, event_density),
          .loss = std::move(loss),
          .optimizer = "adamw",
          .input_text = fmt::format("{} channels, {:.0f} % set", inputs, 100 * event_density)};
}

PlanModel event_mlp_model(const Request& r) {
  EventMlpOptions o;
  o.hidden = r.hidden(o.hidden);
  return spike_train_model(r, event_mlp(o), o.inputs, counts_loss(r, o.classes));
}

PlanModel recurrent_model(const Request& r) {
  RecurrentNetOptions o;
  o.hidden = r.hidden(o.hidden);
  return spike_train_model(r, recurrent_net(o), o.inputs, votes_loss(r, o.classes));
}

PlanModel adaptive_model(const Request& r) {
  AdaptiveNetOptions o;
  o.hidden = r.hidden(o.hidden);
  return spike_train_model(r, adaptive_net(o), o.inputs, votes_loss(r, o.classes));
}

PlanModel event_cnn_model(const Request& r) {
  EventCnnOptions o;
  if (r.options.channels > 0)
    for (std::size_t i = 0; i < o.channels.size(); ++i) o.channels[i] = r.options.channels << i;
  return {.network = event_cnn(o),
          .input = random_spikes({r.part.steps, r.part.batch, o.frame[0], o.frame[1], o.frame[2]},
                                 event_density),
          .loss =
              [target = labels(r.part.batch, o.classes)](const Tensor& output) {
                return cross_entropy(read_out(Readout::mean, output), target.to(output.device()));
              },
          .optimizer = "adamw",
          .input_text = fmt::format("frames {}x{}x{}, {:.0f} % set", o.frame[0], o.frame[1],
                                    o.frame[2], 100 * event_density)};
}

/// A model and which sizes can be given for it.
struct Entry {
  PlanModel (*make)(const Request&);
  bool channels = false, hidden = false;
};

const std::map<std::string, Entry>& entries() {
  static const std::map<std::string, Entry> all{
      {"csnn", {.make = csnn_model, .channels = true}},
      {"mlp", {.make = mlp_model, .hidden = true}},
      {"event-mlp", {.make = event_mlp_model, .hidden = true}},
      {"recurrent", {.make = recurrent_model, .hidden = true}},
      {"adaptive", {.make = adaptive_model, .hidden = true}},
      {"event-cnn", {.make = event_cnn_model, .channels = true}}};
  return all;
}

}  // namespace

std::vector<std::string> plan_model_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries()) names.push_back(name);
  return names;
}

PlanModel plan_model(const PlanModelOptions& options, const PlanPart& part) {
  const auto found = entries().find(options.model);
  RV_CHECK(found != entries().end(), "--model must be one of {}; got '{}'.",
           fmt::join(plan_model_names(), ", "), options.model);
  RV_CHECK(options.channels >= 0 && options.hidden >= 0,
           "--channels and --hidden must be >= 0; got {} and {}.", options.channels,
           options.hidden);
  const Entry& entry = found->second;
  RV_CHECK(options.channels == 0 || entry.channels,
           "--channels is not an option of {}, which has no convolutions.", options.model);
  RV_CHECK(options.hidden == 0 || entry.hidden,
           "--hidden is not an option of {}, whose width is given by --channels.", options.model);
  return entry.make({options, part});
}

}  // namespace ranvier::apps

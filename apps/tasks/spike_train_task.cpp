#include "apps/tasks/spike_train_task.h"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>

#include "apps/tasks/event_parts.h"
#include "apps/tasks/event_sets.h"
#include "ranvier/data/transforms/drop.h"
#include "ranvier/data/transforms/jitter.h"
#include "ranvier/data/transforms/shift.h"
#include "ranvier/data/transforms/time.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/softmax.h"
#include "ranvier/ops/sequence/readout.h"

namespace ranvier::apps {
namespace {

std::int64_t microseconds(double milliseconds) { return std::llround(1000 * milliseconds); }

bool known(const std::string& text, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return text == name; });
}

void check(const SpikeTrainOptions& o) {
  RV_CHECK(known(o.dataset, {"shd", "ssc", "fsdd", "randman"}),
           "--dataset must be shd, ssc, fsdd or randman; got '{}'.", o.dataset);
  RV_CHECK(known(o.model, {"mlp", "recurrent", "adaptive"}),
           "--model must be mlp, recurrent or adaptive; got '{}'.", o.model);
  RV_CHECK(known(o.feed.feed, {"file", "disk", "device"}),
           "--feed must be file, disk or device; got '{}'.", o.feed.feed);
  const auto positive = [](const char* option, double value) {
    RV_CHECK(value > 0, "--{} must be > 0; got {}.", option, value);
  };
  RV_CHECK(o.readout.empty() || known(o.readout, {"sum", "mean", "last", "max", "softmax"}),
           "--readout must be sum, mean, last, max or softmax; got '{}'.", o.readout);
  positive("tau", o.tau);
  positive("tau-adapt", o.tau_adapt);
  positive("readout-tau", o.readout_tau);
  positive("input-gain", o.input_gain);
  RV_CHECK(o.time_step >= 0 && o.duration >= 0 && o.duration < 1e9,
           "--time-step and --duration must be >= 0; got {} and {}.", o.time_step, o.duration);
  RV_CHECK(o.delays >= 0 && o.delays < 1e9, "--delays must be >= 0; got {}.", o.delays);
  RV_CHECK(o.hidden >= 1 && o.layers >= 1 && o.layers <= 64,
           "--hidden must be >= 1 and --layers in [1, 64]; got {} and {}.", o.hidden, o.layers);
  const std::int64_t shift = o.channel_shift.value_or(0);
  const double skew = o.time_skew.value_or(0), jitter = o.time_jitter.value_or(0);
  RV_CHECK(shift >= 0 && skew >= 0 && jitter >= 0,
           "--channel-shift, --time-skew and --time-jitter must be >= 0; got {}, {} and {}.", shift,
           skew, jitter);
  const auto part = [](const char* option, std::optional<double> value) {
    RV_CHECK(value.value_or(0) >= 0 && value.value_or(0) <= 1, "--{} must be in [0, 1]; got {}.",
             option, *value);
  };
  part("drop", o.drop);
  part("drop-time", o.drop_time);
  part("drop-channels", o.drop_channels);
}

EventTransform variations(const SpikeTrainOptions& o) {
  EventTransform varied;
  if (*o.channel_shift > 0) varied = varied | RandomShift{.x = *o.channel_shift};
  if (*o.time_skew > 0)
    varied = varied | TimeSkew{.coefficient = Range(1 / (1 + *o.time_skew), 1 + *o.time_skew)};
  if (*o.time_jitter > 0) varied = varied | TimeJitter{.std = 1000 * *o.time_jitter};
  if (*o.drop > 0) varied = varied | DropEvent{.p = Range(0, *o.drop)};
  if (*o.drop_time > 0) varied = varied | DropEventByTime{.duration_ratio = Range(0, *o.drop_time)};
  if (*o.drop_channels > 0)
    varied = varied | DropEventByArea{.area_ratio = Range(0, *o.drop_channels)};
  return varied;
}

Sequential network(const SpikeTrainOptions& o, std::int64_t classes) {
  const std::vector<std::int64_t> hidden(static_cast<std::size_t>(o.layers), o.hidden);
  const auto steps = [&](double milliseconds) { return milliseconds / o.time_step; };
  const std::int64_t max_delay = std::llround(std::ceil(steps(o.delays)));
  if (o.model == "mlp")
    return event_mlp({.inputs = o.train.channels,
                      .hidden = hidden,
                      .classes = classes,
                      .dropout = o.dropout,
                      .max_delay = max_delay});
  if (o.model == "recurrent")
    return recurrent_net(
        {.inputs = o.train.channels,
         .hidden = hidden,
         .classes = classes,
         .neuron = LIFOptions{.tau = steps(o.tau), .decay_input = false, .v_reset = std::nullopt},
         .dropout = o.dropout,
         .max_delay = max_delay,
         .readout_tau = steps(o.readout_tau)});
  return adaptive_net(
      {.inputs = o.train.channels,
       .hidden = hidden,
       .classes = classes,
       .neuron = {.tau = steps(o.tau), .tau_adapt = steps(o.tau_adapt), .decay_input = false},
       .dropout = o.dropout,
       .max_delay = max_delay,
       .readout_tau = steps(o.readout_tau)});
}

// Channels spike rarely; weights drawn for dense inputs may leave every neuron silent.
void scale_input_weights(Sequential& network, double gain) {
  Tensor weight = parameters(network).front().tensor;
  float* values = weight.mutable_data<float>();
  for (std::int64_t i = 0; i < weight.numel(); ++i) values[i] *= static_cast<float>(gain);
}

/// Scores are read off the output, or summed up of the votes that each step gives to the classes.
std::function<Tensor(const Tensor&, const Tensor&)> scores_of(const std::string& name) {
  if (name == "softmax")
    return [](const Tensor& output, const Tensor& lengths) {
      return read_out(Readout::sum, softmax(output), lengths);
    };
  return [readout = readout_named(name)](const Tensor& output, const Tensor& lengths) {
    return read_out(readout, output, lengths);
  };
}

// What must not change under a run, and what the report tells.
std::vector<std::pair<std::string, std::string>> recipe(const SpikeTrainOptions& o) {
  const auto text = [](const auto& value) { return fmt::format("{}", value); };
  return {{"dataset", o.dataset},
          {"validation", text(o.feed.validation)},
          {"time-step", text(o.time_step)},
          {"duration", text(o.duration)},
          {"model", o.model},
          {"hidden", text(o.hidden)},
          {"layers", text(o.layers)},
          {"tau", text(o.tau)},
          {"tau-adapt", text(o.tau_adapt)},
          {"readout-tau", text(o.readout_tau)},
          {"readout", o.readout},
          {"delays", text(o.delays)},
          {"input-gain", text(o.input_gain)},
          {"dropout", text(o.dropout)},
          {"channel-shift", text(*o.channel_shift)},
          {"time-skew", text(*o.time_skew)},
          {"time-jitter", text(*o.time_jitter)},
          {"drop", text(*o.drop)},
          {"drop-time", text(*o.drop_time)},
          {"drop-channels", text(*o.drop_channels)}};
}

void add_spike_options(CLI::App& app, SpikeTrainOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* group, const char* help) {
    app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--dataset", o.dataset, "Data", "shd, ssc, fsdd, or randman, which is generated");
  add("--time-step", o.time_step, "Data", "ms of a time step; 0: 10, randman 1");
  add("--duration", o.duration, "Data", "ms kept; 0: 1000, fsdd 700, randman 100");
  const auto vary = [&](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->group("Variation of training recordings");
  };
  vary("--channel-shift", o.channel_shift, "Move all by up to N channels (words: 1)");
  vary("--time-skew", o.time_skew, "Up to this part slower or faster (words: 0.2)");
  vary("--time-jitter", o.time_jitter, "Standard deviation in ms (default: 0)");
  vary("--drop", o.drop, "Drop up to this part of the spikes (words: 0.1)");
  vary("--drop-time", o.drop_time, "Drop up to this part of the time in one piece");
  vary("--drop-channels", o.drop_channels, "Drop up to this part of the channels in one");
  add("--model", o.model, "Network", "mlp (IAF), recurrent (LIF) or adaptive (ALIF)");
  add("--hidden", o.hidden, "Network", "Neurons of each hidden layer");
  add("--layers", o.layers, "Network", "Hidden layers");
  add("--tau", o.tau, "Network", "Time constant of membranes in ms; not of mlp");
  add("--tau-adapt", o.tau_adapt, "Network", "Time constant of thresholds in ms; of adaptive");
  add("--readout-tau", o.readout_tau, "Network", "Time constant of the readout in ms; not of mlp");
  app.add_option("--readout", o.readout, "sum, mean, last, max, softmax (else the model's)")
      ->group("Network");
  add("--input-gain", o.input_gain, "Network",
      "Times the weights that the first layer begins with");
  add("--delays", o.delays, "Network", "Longest learned delay of hidden spikes; ms");
  add("--dropout", o.dropout, "Network", "Share of hidden neurons left out in training");
}

}  // namespace

SpikeTrainOptions spike_train_defaults() {
  return {.train = {.epochs = 60,
                    .batch_size = 16,
                    .channels = 0,
                    .lr = 5e-3,
                    .optimizer = "adamw",
                    .weight_decay = 0.1,
                    .scheduler = "cosine",
                    .output_dir = "runs/shd"}};
}

void add_spike_train_options(CLI::App& app, SpikeTrainOptions& o) {
  add_train_options(app, o.train,
                    {.channels_help = "Input channels after joining; 0: 70, randman 50",
                     .samples = "recordings",
                     .data_dir_help = "Folder of the HDF5 files",
                     .steps_help = "",
                     .shift_help = "",
                     .flip_help = ""});
  add_event_feed_options(app, o.feed);
  add_spike_options(app, o);
}

SpikeTrainOptions completed(SpikeTrainOptions o) {
  check(o);
  const bool randman = o.dataset == "randman";
  if (o.train.channels == 0) o.train.channels = randman ? 50 : 70;
  if (o.time_step == 0) o.time_step = randman ? 1 : 10;
  if (o.duration == 0) o.duration = randman ? 100 : o.dataset == "fsdd" ? 700 : 1000;
  // Spoken words: found on FSDD-spikes. Randman is nothing but times, and nothing overfits it.
  const bool words = !randman && o.feed.feed != "device";
  o.channel_shift = o.channel_shift.value_or(words ? 1 : 0);
  o.time_skew = o.time_skew.value_or(words ? 0.2 : 0);
  o.time_jitter = o.time_jitter.value_or(0);
  o.drop = o.drop.value_or(words ? 0.1 : 0);
  o.drop_time = o.drop_time.value_or(0);
  o.drop_channels = o.drop_channels.value_or(0);
  // On a held-out fifth of FSDD-spikes, "softmax" gets two points more right than "mean".
  if (o.readout.empty()) o.readout = o.model == "mlp" ? "sum" : randman ? "mean" : "softmax";
  o.train.steps = std::max<std::int64_t>(1, std::llround(std::ceil(o.duration / o.time_step)));
  return o;
}

namespace {
/// What to train with; generates the data if nobody has.
TrainOptions with_data(const SpikeTrainOptions& o) {
  TrainOptions options = o.train;
  if (o.dataset == "randman" && options.data_dir.empty())
    options.data_dir = randman_folder(o.feed.cache_dir, options.seed);
  return options;
}
}  // namespace

Task spike_train_task(const SpikeTrainOptions& o, const std::optional<Slice>& part) {
  const Device device = parse_device(o.train.device);
  const EventParts parts = open_event_parts(o.dataset, with_data(o), o.feed);
  const EventPipeline pipeline{
      .fixed = preparation(parts.train->sensor(), o.train.channels, microseconds(o.duration)),
      .time_step = microseconds(o.time_step),
      .steps = o.train.steps,
      .part = part};
  EventPipeline training = pipeline;
  training.varied = variations(o);
  Sequential model = network(o, static_cast<std::int64_t>(parts.train->classes().size()));
  scale_input_weights(model, o.input_gain);
  return {.program = "ranvier-shd",
          .network = std::move(model),
          .scores = scores_of(o.readout),
          .score_name = o.model == "mlp" ? "spike count" : o.readout + " of the membrane",
          .loss = [](const Tensor& scores,
                     const Tensor& labels) { return cross_entropy(scores, labels); },
          .train = fed_recordings(parts.train, training, o.feed, device),
          .test = fed_recordings(parts.test, pipeline, o.feed, device),
          .names = {.many = "recordings", .brief = "rec"},
          .recipe = recipe(o),
          .data_seconds = true};
}

}  // namespace ranvier::apps

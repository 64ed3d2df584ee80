#include "apps/tasks/event_parts.h"

#include <fmt/core.h>

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "apps/tasks/event_sets.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

/// Some recordings of others.
class SelectedRecordings final : public Recordings {
 public:
  /// `what` describes `chosen`: "the first 7".
  SelectedRecordings(std::shared_ptr<const Recordings> all, std::vector<std::int64_t> chosen,
                     std::string name, const std::string& what)
      : all_(std::move(all)),
        chosen_(std::move(chosen)),
        name_(std::move(name)),
        identity_(fmt::format("{} of {}", what, all_->identity())) {}

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(chosen_.size()); }
  const Sensor& sensor() const override { return all_->sensor(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  std::int64_t label(std::int64_t index) const override { return all_->label(place(index)); }
  void read(std::int64_t index, Events& events) const override { all_->read(place(index), events); }
  bool checks_events() const override { return all_->checks_events(); }
  const Events* in_memory(std::int64_t index) const override {
    return all_->in_memory(place(index));
  }
  std::string identity() const override { return identity_; }

 private:
  std::int64_t place(std::int64_t index) const {
    check_index(*this, index);
    return chosen_[static_cast<std::size_t>(index)];
  }

  std::shared_ptr<const Recordings> all_;
  std::vector<std::int64_t> chosen_;
  std::string name_, identity_;
};

}  // namespace

std::shared_ptr<const Recordings> first_recordings(std::shared_ptr<const Recordings> recordings,
                                                   std::int64_t count) {
  if (count == 0 || count >= recordings->size()) return recordings;
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(count));
  std::iota(chosen.begin(), chosen.end(), 0);
  const std::string name = recordings->name();
  return std::make_shared<SelectedRecordings>(std::move(recordings), std::move(chosen), name,
                                              fmt::format("the first {}", count));
}

EventParts hold_out(std::shared_ptr<const Recordings> recordings, double fraction) {
  RV_CHECK(fraction > 0 && fraction < 1, "--validation must be in (0, 1); got {}.", fraction);
  std::vector<std::int64_t> left(recordings->classes().size());
  const auto left_of = [&](std::int64_t recording) -> std::int64_t& {
    return left[static_cast<std::size_t>(recordings->label(recording))];
  };
  for (std::int64_t i = 0; i < recordings->size(); ++i) ++left_of(i);
  for (std::int64_t& count : left) count -= std::llround(fraction * static_cast<double>(count));

  std::vector<std::int64_t> train, held;
  for (std::int64_t i = 0; i < recordings->size(); ++i)
    (left_of(i)-- > 0 ? train : held).push_back(i);
  const std::string& name = recordings->name();
  RV_CHECK(!train.empty() && !held.empty(),
           "--validation {} of the {} recordings of {} leaves {} to train on and {} to test on; "
           "both must have some.",
           fraction, recordings->size(), name, train.size(), held.size());
  const auto part = [&](std::vector<std::int64_t>& chosen, const std::string& title,
                        const char* what) {
    return std::make_shared<SelectedRecordings>(recordings, std::move(chosen), title,
                                                fmt::format("{} {} of each class", what, fraction));
  };
  return {.train = part(train, name, "all but the last"),
          .test = part(held, name + ", held out", "the last")};
}

EventParts open_event_parts(const std::string& name, const TrainOptions& train,
                            const EventFeedOptions& feed) {
  const auto open = [&](Split split) {
    return open_event_set(name, {.split = split, .directory = train.data_dir});
  };
  EventParts parts{.train = open(Split::train), .test = {}};
  if (feed.validation != 0)
    parts = hold_out(parts.train, feed.validation);
  else
    parts.test = open(Split::test);
  return {.train = first_recordings(parts.train, train.train_samples),
          .test = first_recordings(parts.test, train.test_samples)};
}

}  // namespace ranvier::apps

// Which recordings of a data set a trainer learns from, and which it is tested on.
#pragma once

#include <memory>
#include <string>

#include "apps/tasks/event_feeds.h"
#include "apps/tasks/train_options.h"
#include "ranvier/data/events/recordings.h"

namespace ranvier::apps {

struct EventParts {
  std::shared_ptr<const Recordings> train, test;
};

/// The first `count` of `recordings`; all of them if `count` is 0 or not smaller than their number.
std::shared_ptr<const Recordings> first_recordings(std::shared_ptr<const Recordings> recordings,
                                                   std::int64_t count);

/// Takes `fraction` of the recordings of every class, rounded, out of `recordings`: those that come
/// last. Error: a fraction outside (0, 1); nothing is left to learn from, or nothing to test on.
EventParts hold_out(std::shared_ptr<const Recordings> recordings, double fraction);

/// The parts of data set `name` that the options ask for. With `feed.validation` the second one is
/// held out of the training recordings, and the test recordings are not opened. Errors: those of
/// `open_event_set` and `hold_out`.
EventParts open_event_parts(const std::string& name, const TrainOptions& train,
                            const EventFeedOptions& feed);

}  // namespace ranvier::apps

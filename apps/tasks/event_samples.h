// Recordings as samples of a trainer.
#pragma once

#include <memory>

#include "apps/tasks/samples.h"
#include "ranvier/data/event_dataset.h"

namespace ranvier::apps {

/// Recordings that are framed when they are fetched. Errors: `EventDataset`'s.
std::unique_ptr<Samples> event_samples(std::shared_ptr<const Recordings> recordings,
                                       const EventDatasetOptions& options);

/// Recordings that are read once and kept in the memory of `device`; a feed frames them there,
/// without workers. Errors: `ResidentEvents`'s.
std::unique_ptr<Samples> resident_samples(std::shared_ptr<const Recordings> recordings,
                                          const EventDatasetOptions& options, Device device);

}  // namespace ranvier::apps

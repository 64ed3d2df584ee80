// From a trained network to its report.
#pragma once

#include <filesystem>

#include "apps/report/report.h"
#include "apps/tasks/task.h"
#include "apps/training/ranks.h"
#include "apps/training/train_step.h"

namespace ranvier::apps {

/// Writes report.html: `report` (title, summary, history and confusion) with what the network does
/// on the test set: firing rates of its neuron layers, and one example of each class with its
/// spikes. The ranks of a time row call it together; the leading one writes.
void write_training_report(const std::filesystem::path& path, Report report, Task& task,
                           TrainStep& step, const Ranks& ranks);

}  // namespace ranvier::apps

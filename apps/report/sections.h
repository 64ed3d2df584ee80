// The larger sections of a report; report.cpp puts them together. Their input has been checked.
#pragma once

#include <string>

#include "apps/report/report.h"

namespace ranvier::apps {

/// The confusion matrix and the most frequent mistakes.
std::string confusion_section(const Report& report);

/// The samples with their spikes and scores.
std::string examples_section(const Report& report);

}  // namespace ranvier::apps

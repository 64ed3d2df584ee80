// DVS128 Gesture: 29 people and their gestures under three lights, filmed by a DVS128 camera.
// Amir et al. 2017 (CVPR), doi:10.1109/CVPR.2017.781; CC BY 4.0
#pragma once

#include <memory>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// Gestures of about 6 s in 11 classes, 128x128x2: 1176 to train, 288 to test. Each line of a table
/// `<user>_<light>_labels.csv` (class, first and last microsecond) is a recording: the events with
/// first <= t < last of `<user>_<light>.aedat`, their times counted from first. The files
/// trials_to_train.txt and trials_to_test.txt say which people belong to which split. This is how
/// SpikingJelly and snnTorch cut the set; Tonic's files hold fewer gestures, 1077 and 264.
///
/// The directory has the published files, or a folder DvsGesture (as the archive unpacks), or one
/// extract/DvsGesture (SpikingJelly's layout) that has them. A file of events is passed over once,
/// when the first of its gestures is read; after that each reads its own part.
///
/// Errors: no directory named; a file that is missing; a table that cannot be understood (names
/// the line); those of `read_aedat3` when a recording is read.
std::shared_ptr<const Recordings> open_dvs128_gesture(const DatasetSource& source);

}  // namespace ranvier

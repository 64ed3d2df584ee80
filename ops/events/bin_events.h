// Frames of events that lie on the device that trains.
#pragma once

#include <cstdint>
#include <span>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier {

/// Events one after another, an unsigned number of 4 or 8 bytes each: time << cell_bits | cell. The
/// time counts microseconds from anywhere, or steps; the cell is the number of a frame that counts
/// the event (`event_cell`).
struct PackedEvents {
  Tensor words;            ///< u8 [N, 4] or [N, 8]
  int cell_bits = 0;       ///< in [0, 31]
  std::int64_t cells = 1;  ///< numbers of a frame; cells of events are less than this
};

/// A recording among packed events, and the time steps it is cut into.
struct EventSlice {
  std::int64_t first = 0, count = 0;  ///< events [first, first + count), in the order of time
  TimeWindows windows{};              ///< of the time that the words hold
  std::int64_t steps = 0;             ///< how many of the windows are wanted, at most T
};

/// A table of recordings for a device, i64 [N, 8] on the CPU: `EventSlice`s as they lie in memory.
Tensor slice_table(std::span<const EventSlice> recordings);

/// Overwrites `frames`, f32 [T, B, ...] with `events.cells` numbers after the second axis: how many
/// events of recording b are in window t and cell c; zeros from `recordings[b].steps` on. Errors:
/// other types, shapes or devices; a recording outside of `events`, or with cells of no frame.
void bin_events(const PackedEvents& events, std::span<const EventSlice> recordings, Tensor& frames);

/// As above for the recordings `samples`, i64 [B], of `table`, a `slice_table` on the device of the
/// events, where the samples and the frames lie too; steps beyond T are left out. On a CUDA device
/// the host reads nothing and waits for nothing, so that it may be recorded in a graph, and nobody
/// checks the numbers: recordings and samples that are out of range have no events, and a cell of
/// no frame makes a number of its frame NaN.
void bin_events(const PackedEvents& events, const Tensor& table, const Tensor& samples,
                Tensor& frames);

}  // namespace ranvier

// Ranks with a GPU each, whose messages go from GPU to GPU.
#pragma once

#include <memory>
#include <string>

#include "ranvier/core/device.h"
#include "ranvier/distributed/transport.h"

namespace ranvier {

/// "2.28.9", the NCCL that this build uses. Error (communication): a build without NCCL.
std::string nccl_version();

/// The transport of kind "nccl" between the ranks of `hosts`, which all call this together and keep
/// `hosts` as long. Arrays of `device`, this rank's GPU, go from GPU to GPU, on a stream of their
/// own for each channel; arrays of the CPU, and channel `control`, go over `hosts`. Gradients lie
/// in memory that is registered with NCCL where all ranks can do that (see `details`).
///
/// The GPU waits for a message, not the caller: `receive` returns at once and `arrived` is true.
/// Shapes are not compared. When `hosts` knows that a rank is lost, or NCCL reports an error, the
/// GPU's waits end and the next call fails.
///
/// What moves from GPU to GPU can be recorded (core/cuda_graph.h) once it was done for real, by
/// both ranks of a message alike. An exchange ends in the recording in which it began. The graph
/// may outlive the transport, but is launched no more.
///
/// Errors: a device that is not a GPU, not there, or another rank's; a build without NCCL
/// (communication).
std::unique_ptr<Transport> open_nccl(Transport& hosts, Device device);

}  // namespace ranvier

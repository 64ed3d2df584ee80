// What a data set is to a loader.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Where randomness of a data set comes from: a sample of an epoch is a function of these two and
/// the sample's index, whoever makes it and whenever.
struct Draw {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
};

/// A collection of samples that can be gathered into batches, from several threads at once.
///
/// `D::Batch` is default-constructible and holds what `fetch` makes of some samples. `fetch`
/// overwrites it, reusing its arrays: a warm loop takes no memory. `Batch::release_shared` lets go
/// of arrays that somebody else holds too, so that a batch that was kept is never overwritten.
/// `fetch` must not use parallel loops: it runs beside the training step. The default generator is
/// one of the batch's own while a loader calls it, so that `uniform` there does not depend on who
/// makes the batch; parts of a batch and other batch sizes need numbers of `draw` and the sample.
template <class D>
concept Dataset = std::default_initializable<typename D::Batch> &&
    requires(const D& dataset, std::span<const std::int64_t> samples, const Draw& draw,
             typename D::Batch& batch) {
  { dataset.size() } -> std::same_as<std::int64_t>;
  dataset.fetch(samples, draw, batch);
  batch.release_shared();
};

/// Makes `tensor` an uninitialised tensor of `shape` and `dtype` on `device`, in its present memory
/// if that is large enough; the last, smaller batch of an epoch thus is a view of the usual one.
void reuse_or_allocate(Tensor& tensor, const Shape& shape, DType dtype, Device device = cpu_device);

/// Lets go of those of `tensors` whose array somebody else holds too.
void release_shared(std::initializer_list<Tensor*> tensors);

}  // namespace ranvier

// The samples of a static input, which the ranks of a time row compute together.
#pragma once

#include "ranvier/distributed/collectives.h"
#include "ranvier/layers/sample_sharing.h"
#include "ranvier/ops/neurons/state_relay.h"

namespace ranvier {

/// Who computes the layers before the first neuron of a network for images.
enum class StaticLayers : std::uint8_t {
  automatic,  ///< as `shared` where `sharing_pays`, else as `each`
  shared,     ///< each rank of a time row some of the samples; what they put out is gathered
  each        ///< every rank all samples
};

/// Whether ranks that share samples save more time than their messages take, by and large. It
/// follows from the sizes alone, so all ranks of a row come to the same answer.
bool sharing_pays(const StaticWork& work);

/// Whether `ranks` of a row share the samples of `work`: not if some would have none.
bool shares_samples(StaticLayers how, const StaticWork& work, int ranks);

/// As ranks of `time_row` do it. Backward exchanges gradients, so it has to be told of, by `relay`.
class SampleGather final : public SampleSharing {
 public:
  SampleGather(const Group& time_row, StateRelay& relay, StaticLayers how)
      : row_(time_row), relay_(relay), how_(how) {}

  bool wanted(const StaticWork& work) const override {
    return shares_samples(how_, work, row_.size());
  }
  Slice own(std::int64_t samples) const override {
    return Slice::of(samples, row_.index(), row_.size());
  }
  Tensor gather(const Tensor& part, std::int64_t samples) override;

 private:
  Group row_;
  StateRelay& relay_;
  const StaticLayers how_;
};

}  // namespace ranvier

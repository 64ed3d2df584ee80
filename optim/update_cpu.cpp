#include "ranvier/core/parallel.h"
#include "ranvier/optim/detail/kernels.h"
#include "ranvier/optim/detail/update.h"

namespace ranvier::optim {
namespace {

void move_range(Rule rule, const Update& u, const float* factors, std::int64_t begin,
                std::int64_t count) {
  const Kernels& k = kernels();
  const float* const grad = u.grad + begin;
  float* const w = u.parameter + begin;
  const auto slot = [&](int i) { return u.slots[i] + begin; };
  const auto& sgd = *reinterpret_cast<const SgdFactors*>(factors);
  switch (rule) {
    case Rule::sgd:
      return k.sgd(sgd, grad, w, count);
    case Rule::sgd_momentum:
      return k.sgd_momentum(sgd, grad, w, slot(0), count);
    case Rule::sgd_nesterov:
      return k.sgd_nesterov(sgd, grad, w, slot(0), count);
    case Rule::adam:
      return k.adam(*reinterpret_cast<const AdamFactors*>(factors), grad, w, slot(0), slot(1),
                    count);
  }
}

void update(const char*, Rule rule, std::span<const Update> updates, const Tensor& factors,
            const Tensor& /*scale: of CUDA devices*/) {
  for (const Update& u : updates) {
    const float* const row = factors.data<float>() + u.row * factors.size(1);
    parallel_for(0, u.count, grain, [&](std::int64_t begin, std::int64_t end) {
      move_range(rule, u, row, begin, end - begin);
    });
  }
}

}  // namespace

constinit DeviceKernels<UpdateKernel> update_kernels{.cpu = update};

}  // namespace ranvier::optim

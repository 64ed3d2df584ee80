#include "ranvier/core/cuda_graph.h"

#include "ranvier/core/detail/cuda_runtime.h"
#include "ranvier/core/error.h"

namespace ranvier {

CudaGraph::CudaGraph(Device device) : device_(device), memory_(device) {
  RV_CHECK(device.type == DeviceType::cuda, "[graph] work is recorded on CUDA devices; got {}.",
           device);
}

CudaGraph::~CudaGraph() {
  if (graph_ == nullptr) return;
  synchronize(device_);  // its memory serves others from now on
  detail::cuda_runtime().destroy_graph(graph_);
}

void CudaGraph::begin() { detail::cuda_runtime().begin_capture(device_.index); }
void CudaGraph::end() { graph_ = detail::cuda_runtime().end_capture(device_.index); }
void CudaGraph::abandon() noexcept { detail::cuda_runtime().abandon_capture(device_.index); }

void CudaGraph::launch() const {
  copies_.renew();
  detail::cuda_runtime().launch_graph(device_.index, graph_);
}

}  // namespace ranvier

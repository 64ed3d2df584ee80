#include "ranvier/ops/matmul/detail/packed_gemm.h"

#include "ranvier/ops/matmul/detail/onednn.h"

namespace ranvier::detail {
namespace {

using Layout = dnnl::memory::desc;
using Extents = dnnl::memory::dims;
constexpr auto f32 = dnnl::memory::data_type::f32;

Layout stored_b(const Gemm& g) {
  return Layout({g.k, g.n}, f32, g.transpose_b ? Extents{1, g.k} : Extents{g.n, 1});
}

// oneDNN chooses how B is laid out.
onednn::Primitive make_primitive(const Gemm& g) {
  const Layout a({g.m, g.k}, f32, g.transpose_a ? Extents{1, g.m} : Extents{g.k, 1});
  const Layout b({g.k, g.n}, f32, dnnl::memory::format_tag::any);
  const Layout c({g.m, g.n}, f32, Extents{g.n, 1});
  const auto description = onednn::describe<dnnl::matmul>(a, b, c);
  return {dnnl::matmul(description),
          {{DNNL_ARG_SRC, a},
           {DNNL_ARG_WEIGHTS, description.weights_desc()},
           {DNNL_ARG_DST, c},
           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}};
}

}  // namespace

PackedGemm::PackedGemm(const Gemm& spec, const float* b) {
  static onednn::Cache<Gemm> cache;
  primitive_ = cache.get(spec, make_primitive);
  const Layout& packed = primitive_->layout(DNNL_ARG_WEIGHTS);
  packed_ = std::make_unique<Storage>(packed.get_size(), cpu_device);
  scratchpad_ = std::make_unique<Storage>(primitive_->scratchpad_bytes(), cpu_device);
  onednn::reorder({stored_b(spec), onednn::engine(), const_cast<float*>(b)},
                  {packed, onednn::engine(), packed_->data()});
  run_ = std::make_unique<onednn::Run>(*primitive_, scratchpad_->data());
  run_->bind(DNNL_ARG_WEIGHTS, packed_->data());
}

PackedGemm::~PackedGemm() = default;
PackedGemm::PackedGemm(PackedGemm&&) noexcept = default;

void PackedGemm::operator()(const float* a, float* c) {
  run_->bind(DNNL_ARG_SRC, a).bind(DNNL_ARG_DST, c);
  (*run_)();
}

}  // namespace ranvier::detail

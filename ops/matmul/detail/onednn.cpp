#include "ranvier/ops/matmul/detail/onednn.h"

#include <omp.h>

#include <algorithm>

#include "ranvier/core/error.h"

namespace ranvier::detail::onednn {

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::memory::data_type data_type(DType dtype) {
  RV_ASSERT(dtype == DType::f32 || dtype == DType::bf16, "oneDNN is not asked for {}", dtype);
  return dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

namespace {
bool has(dnnl::cpu_isa wanted) {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto bits = static_cast<unsigned>(wanted);
  return (isa & bits) == bits;
}
}  // namespace

bool rows_independent() {
  static const bool independent = has(dnnl::cpu_isa::avx512_core);
  return independent;
}

std::int64_t least_rows(DType compute) {
  constexpr std::int64_t rows_that_fill_tiles = 33;
  static const bool tiles = has(dnnl::cpu_isa::avx512_core_amx);
  return compute == DType::bf16 && tiles ? rows_that_fill_tiles : 1;
}

SingleThread::SingleThread() : previous_(omp_get_max_threads()) { omp_set_num_threads(1); }
SingleThread::~SingleThread() { omp_set_num_threads(previous_); }

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr result;
  result.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return result;
}

const dnnl::memory::desc& Primitive::layout(int argument) const {
  const auto found = std::find_if(arguments.begin(), arguments.end(),
                                  [=](const auto& entry) { return entry.first == argument; });
  RV_ASSERT(found != arguments.end(), "the primitive has no argument {}", argument);
  return found->second;
}

Run::Run(const Primitive& primitive, void* scratchpad) : primitive_(primitive) {
  bind(DNNL_ARG_SCRATCHPAD, scratchpad);
}

Run& Run::bind(int argument, const void* data) {
  void* handle = const_cast<void*>(data);
  const auto found = arguments_.find(argument);
  if (found != arguments_.end())
    found->second.set_data_handle(handle);
  else
    arguments_.emplace(argument, dnnl::memory(primitive_.layout(argument), engine(), handle));
  return *this;
}

Run& Run::bind(int argument, const dnnl::memory& memory) {
  arguments_.insert_or_assign(argument, memory);
  return *this;
}

void Run::operator()() {
  const SingleThread single;
  thread_local dnnl::stream stream(engine());
  primitive_.primitive.execute(stream, arguments_);
}

void reorder(const dnnl::memory& from, const dnnl::memory& to) {
  const SingleThread single;
  thread_local dnnl::stream stream(engine());
  dnnl::reorder(from, to).execute(stream, const_cast<dnnl::memory&>(from),
                                  const_cast<dnnl::memory&>(to));
}

}  // namespace ranvier::detail::onednn

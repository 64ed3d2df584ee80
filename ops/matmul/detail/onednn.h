// oneDNN behind one door. Every primitive is made for one thread and run on one thread; who calls
// it cuts the work for `parallel_for`. So the cut, and with it the order of every sum, is ours:
// results do not depend on the number of threads.
#pragma once

#include <cstring>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ranvier/core/dtype.h"
#include "ranvier/core/error.h"

namespace ranvier::detail::onednn {

dnnl::engine& engine();

/// f32 or bf16 as oneDNN names it.
dnnl::memory::data_type data_type(DType dtype);

/// True if each row of a matrix product is summed in the same order however many rows there are:
/// so it is for oneDNN's AVX-512 kernels, and not for older ones.
bool rows_independent();

/// From how many rows on that holds for `compute`: where processors multiply bf16 in tiles (AMX),
/// oneDNN leaves a few rows to another kernel.
std::int64_t least_rows(DType compute);

/// While alive, primitives that this thread makes or runs have one thread: oneDNN would ask OpenMP
/// for more.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int previous_;
};

/// Attributes of all our primitives: the scratchpad is handed in.
dnnl::primitive_attr attributes();

/// A primitive and the layouts of its arguments by DNNL_ARG_*, the scratchpad among them.
struct Primitive {
  dnnl::primitive primitive;
  std::vector<std::pair<int, dnnl::memory::desc>> arguments;

  const dnnl::memory::desc& layout(int argument) const;
  std::size_t scratchpad_bytes() const { return layout(DNNL_ARG_SCRATCHPAD).get_size(); }
};

/// The primitive of `Op` that takes `arguments` (as its constructor in oneDNN 3 orders them).
template <class Op, class... Arguments>
typename Op::primitive_desc describe(const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Op::primitive_desc(engine(), arguments..., attributes());
#else
  return typename Op::primitive_desc(typename Op::desc(arguments...), attributes(), engine());
#endif
}

/// As `describe`, by kernels that do not multiply in tiles.
template <class Op, class... Arguments>
typename Op::primitive_desc describe_without_tiles(const Arguments&... arguments) {
  const dnnl::primitive_attr attributes = onednn::attributes();
#if DNNL_VERSION_MAJOR >= 3
  typename Op::primitive_desc description(engine(), arguments..., attributes);
#else
  const typename Op::desc operation(arguments...);  // `next_impl` reads it again
  typename Op::primitive_desc description(operation, attributes, engine());
#endif
  while (std::strstr(description.impl_info_str(), "amx") != nullptr && description.next_impl()) {
  }
  return description;
}

/// As `describe`, for a backward operation of `forward`.
template <class Op, class Forward, class... Arguments>
typename Op::primitive_desc describe_backward(const Forward& forward,
                                              const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Op::primitive_desc(engine(), arguments..., forward, attributes());
#else
  return
      typename Op::primitive_desc(typename Op::desc(arguments...), attributes(), engine(), forward);
#endif
}

/// One thread's use of a primitive: binds arguments.
class Run {
 public:
  /// `scratchpad` has `primitive.scratchpad_bytes()`.
  Run(const Primitive& primitive, void* scratchpad);
  /// Binds an array in the argument's layout.
  Run& bind(int argument, const void* data);
  /// Binds memory that several threads share.
  Run& bind(int argument, const dnnl::memory& memory);
  void operator()();

 private:
  const Primitive& primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

/// Copies `from` into another layout.
void reorder(const dnnl::memory& from, const dnnl::memory& to);

/// Primitives by what they compute. Bounded: shapes that vary without end do not fill memory.
template <class Spec>
class Cache {
 public:
  template <class Make>
  std::shared_ptr<const Primitive> get(const Spec& spec, Make&& make) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[spec];
    if (entry == nullptr) {
      const SingleThread single;
      auto made = std::make_shared<const Primitive>(made_by(make, spec));
      if (entries_.size() > capacity) entries_.clear();
      return entries_[spec] = std::move(made);
    }
    return entry;
  }

 private:
  template <class Make>
  static Primitive made_by(Make&& make, const Spec& spec) {
    try {
      return make(spec);
    } catch (const dnnl::error& error) {
      fail(ErrorCode::device,
           "[onednn] oneDNN has no kernel for this operation here ({}); is ONEDNN_MAX_CPU_ISA set?",
           error.what());
    }
  }

  static constexpr std::size_t capacity = 512;
  std::mutex mutex_;
  std::map<Spec, std::shared_ptr<const Primitive>> entries_;
};

}  // namespace ranvier::detail::onednn

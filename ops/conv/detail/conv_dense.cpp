#include "ranvier/ops/conv/detail/conv_dense.h"

#include <algorithm>

#include "ranvier/core/scratch.h"
#include "ranvier/ops/matmul/detail/gemm.h"
#include "ranvier/ops/matmul/detail/onednn.h"

namespace ranvier::detail {
namespace {

using Layout = dnnl::memory::desc;
using Extents = dnnl::memory::dims;

struct PrimitiveSpec {
  ConvShape shape;
  DType compute = DType::f32;
  bool bias = false;

  auto operator<=>(const PrimitiveSpec&) const = default;
};

// How oneDNN names the parts of a convolution: sizes are channels-first, strides are ours.
struct Layouts {
  Layout x, gx, y, gy, bias, any_weight, any_gw;
  Extents stride, dilation, padding;

  explicit Layouts(const PrimitiveSpec& spec) {
    const ConvShape& s = spec.shape;
    const auto type = onednn::data_type(spec.compute);
    const auto f32 = dnnl::memory::data_type::f32;
    const auto channels_last = dnnl::memory::format_tag::nhwc;
    const auto any = dnnl::memory::format_tag::any;
    const Extents in{s.images, s.in, s.height, s.width};
    const Extents out{s.images, s.out, s.out_height, s.out_width};
    x = Layout(in, type, channels_last);
    gx = Layout(in, f32, channels_last);
    y = Layout(out, f32, channels_last);
    gy = Layout(out, type, channels_last);
    bias = Layout({s.out}, f32, dnnl::memory::format_tag::a);
    any_weight = Layout(weight_extents(s), type, any);
    any_gw = Layout(weight_extents(s), f32, any);
    stride = {s.stride[0], s.stride[1]};
    dilation = {s.dilation[0] - 1, s.dilation[1] - 1};
    padding = {s.padding[0], s.padding[1]};
  }

  static Extents weight_extents(const ConvShape& s) {
    if (s.groups == 1) return {s.out, s.in, s.kernel[0], s.kernel[1]};
    return {s.groups, s.out / s.groups, s.in / s.groups, s.kernel[0], s.kernel[1]};
  }

  // Our weight [kh, kw, in / groups, out] in oneDNN's order of axes.
  static Layout plain_weight(const ConvShape& s) {
    const std::int64_t tap = s.in / s.groups * s.out;
    Extents strides{1, s.out, s.kernel[1] * tap, tap};
    if (s.groups != 1) strides.insert(strides.begin(), s.out / s.groups);
    return Layout(weight_extents(s), dnnl::memory::data_type::f32, strides);
  }
};

dnnl::convolution_forward::primitive_desc describe_forward(const PrimitiveSpec& spec,
                                                           const Layouts& l) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
  if (spec.bias)
    return onednn::describe<dnnl::convolution_forward>(kind, direct, l.x, l.any_weight, l.bias, l.y,
                                                       l.stride, l.dilation, l.padding, l.padding);
  return onednn::describe<dnnl::convolution_forward>(kind, direct, l.x, l.any_weight, l.y, l.stride,
                                                     l.dilation, l.padding, l.padding);
}

onednn::Primitive make_forward(const PrimitiveSpec& spec) {
  const Layouts l(spec);
  const auto description = describe_forward(spec, l);
  return {dnnl::convolution_forward(description),
          {{DNNL_ARG_SRC, l.x},
           {DNNL_ARG_WEIGHTS, description.weights_desc()},
           {DNNL_ARG_BIAS, l.bias},
           {DNNL_ARG_DST, l.y},
           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}};
}

onednn::Primitive make_backward_data(const PrimitiveSpec& spec) {
  const Layouts l(spec);
  const auto description = onednn::describe_backward<dnnl::convolution_backward_data>(
      describe_forward(spec, l), dnnl::algorithm::convolution_direct, l.gx, l.any_weight, l.gy,
      l.stride, l.dilation, l.padding, l.padding);
  return {dnnl::convolution_backward_data(description),
          {{DNNL_ARG_DIFF_SRC, l.gx},
           {DNNL_ARG_WEIGHTS, description.weights_desc()},
           {DNNL_ARG_DIFF_DST, l.gy},
           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}};
}

onednn::Primitive make_backward_weights(const PrimitiveSpec& spec) {
  const Layouts l(spec);
  const auto description = onednn::describe_backward<dnnl::convolution_backward_weights>(
      describe_forward(spec, l), dnnl::algorithm::convolution_direct, l.x, l.any_gw, l.gy, l.stride,
      l.dilation, l.padding, l.padding);
  return {dnnl::convolution_backward_weights(description),
          {{DNNL_ARG_SRC, l.x},
           {DNNL_ARG_DIFF_WEIGHTS, description.diff_weights_desc()},
           {DNNL_ARG_DIFF_DST, l.gy},
           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}};
}

using Cache = onednn::Cache<PrimitiveSpec>;

// Our weight in the layout and dtype that the primitive wants; shared by all threads.
struct PackedWeight {
  Storage storage;
  dnnl::memory memory;

  PackedWeight(const ConvShape& shape, const float* weight, const Layout& wanted)
      : storage(wanted.get_size(), cpu_device), memory(wanted, onednn::engine(), storage.data()) {
    const dnnl::memory plain(Layouts::plain_weight(shape), onednn::engine(),
                             const_cast<float*>(weight));
    onednn::reorder(plain, memory);
  }
};

// A convolution at stride 1 is undone by one that pads the rest and whose kernel is turned round.
bool has_turned_form(const ConvShape& s) {
  constexpr std::int64_t least_width = 8;  // below, padding taps would be most of the work
  return s.groups == 1 && s.stride[0] == 1 && s.stride[1] == 1 && s.out_width >= least_width &&
         s.padding[0] <= s.dilation[0] * (s.kernel[0] - 1) &&
         s.padding[1] <= s.dilation[1] * (s.kernel[1] - 1);
}

ConvShape turned_shape(const ConvShape& s) {
  ConvShape t = s;
  std::swap(t.in, t.out);
  std::swap(t.height, t.out_height);
  std::swap(t.width, t.out_width);
  for (int i = 0; i < 2; ++i) {
    const auto axis = static_cast<std::size_t>(i);
    t.padding[axis] = s.dilation[axis] * (s.kernel[axis] - 1) - s.padding[axis];
  }
  return t;
}

// [kh, kw, in, out] to [kh, kw, out, in] with the taps in reverse order.
void turn_weight(const ConvShape& s, const float* weight, float* turned) {
  for (std::int64_t tap = 0; tap < s.taps(); ++tap) {
    const float* const from = weight + (s.taps() - 1 - tap) * s.in * s.out;
    float* const to = turned + tap * s.in * s.out;
    parallel_for(0, s.out, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o)
        for (std::int64_t i = 0; i < s.in; ++i) to[o * s.in + i] = from[i * s.out + o];
    });
  }
}

// The pixels of `number` images from `first` on, as rows of an operand.
Window pixels_of_images(std::int64_t pixels, std::int64_t channels, std::int64_t first,
                        std::int64_t number) {
  return {.row = first * pixels, .rows = number * pixels, .columns = channels};
}

// Where kernels of oneDNN 2.6 for the gradient of a bf16 weight add up memory that nobody wrote:
// strides wider than the image, and, in tiles (AMX), kernels whose rows are apart.
bool weight_gradient_breaks(const ConvShape& s) {
  return s.width < s.stride[1] || s.dilation[0] > 1;
}

// The same from f32 numbers that were rounded to bf16.
void weight_gradient_of_rounded(const ConvShape& s, const Operand& x, const float* gy, float* gw) {
  const RoundedArray gradients(gy, s.images * s.out_pixels() * s.out, DType::bf16);
  if (x.stored == DType::bits) return conv_weight_gradient(s, x, gradients.data(), DType::f32, gw);
  const RoundedArray values(static_cast<const float*>(x.data), s.images * s.in_pixels() * s.in,
                            DType::bf16);
  conv_weight_gradient(s, {values.data(), DType::f32, x.columns}, gradients.data(), DType::f32, gw);
}

void input_gradient_by_onednn(const ConvShape& shape, const float* gy, const float* weight,
                              DType compute, float* gx) {
  static Cache cache;
  const auto primitive = cache.get({shape.of_images(1), compute}, make_backward_data);
  const PackedWeight packed(shape, weight, primitive->layout(DNNL_ARG_WEIGHTS));
  const Operand gradients{gy, DType::f32, shape.out};
  const auto window = [&](std::int64_t image) {
    return pixels_of_images(shape.out_pixels(), shape.out, image, 1);
  };
  RangeScratch scratchpads(primitive->scratchpad_bytes());
  RangeScratch copies(copy_bytes(gradients, window(0), compute));
  parallel_for(0, shape.images, 1, [&](std::int64_t begin, std::int64_t end) {
    onednn::Run run(*primitive, scratchpads.take<std::byte>());
    auto* const copy = copies.take<std::byte>();
    run.bind(DNNL_ARG_WEIGHTS, packed.memory);
    for (std::int64_t image = begin; image < end; ++image) {
      run.bind(DNNL_ARG_DIFF_DST, loaded(gradients, window(image), compute, copy))
          .bind(DNNL_ARG_DIFF_SRC, gx + image * shape.in_pixels() * shape.in);
      run();
    }
  });
}

}  // namespace

void conv_forward(const ConvShape& shape, const Operand& x, const float* weight, const float* bias,
                  DType compute, float* y, const std::uint8_t* left_out) {
  static Cache cache;
  const auto primitive = cache.get({shape.of_images(1), compute, bias != nullptr}, make_forward);
  const PackedWeight packed(shape, weight, primitive->layout(DNNL_ARG_WEIGHTS));
  const auto window = [&](std::int64_t image) {
    return pixels_of_images(shape.in_pixels(), shape.in, image, 1);
  };
  RangeScratch scratchpads(primitive->scratchpad_bytes());
  RangeScratch copies(copy_bytes(x, window(0), compute));
  parallel_for(0, shape.images, 1, [&](std::int64_t begin, std::int64_t end) {
    onednn::Run run(*primitive, scratchpads.take<std::byte>());
    auto* const copy = copies.take<std::byte>();
    run.bind(DNNL_ARG_WEIGHTS, packed.memory);
    if (bias != nullptr) run.bind(DNNL_ARG_BIAS, bias);
    for (std::int64_t image = begin; image < end; ++image) {
      if (left_out != nullptr && left_out[image] != 0) continue;
      run.bind(DNNL_ARG_SRC, loaded(x, window(image), compute, copy))
          .bind(DNNL_ARG_DST, y + image * shape.out_pixels() * shape.out);
      run();
    }
  });
}

void conv_input_gradient(const ConvShape& shape, const float* gy, const float* weight,
                         DType compute, float* gx) {
  if (!has_turned_form(shape)) return input_gradient_by_onednn(shape, gy, weight, compute, gx);
  const Storage turned(static_cast<std::size_t>(shape.weight_elements()) * sizeof(float),
                       cpu_device);
  auto* const turned_weight = reinterpret_cast<float*>(turned.data());
  turn_weight(shape, weight, turned_weight);
  conv_forward(turned_shape(shape), {gy, DType::f32, shape.out}, turned_weight, nullptr, compute,
               gx);
}

void conv_weight_gradient(const ConvShape& shape, const Operand& x, const float* gy, DType compute,
                          float* gw) {
  if (shape.images == 0) {
    std::fill_n(gw, shape.weight_elements(), 0.0f);
    return;
  }
  if (compute == DType::bf16 && weight_gradient_breaks(shape))
    return weight_gradient_of_rounded(shape, x, gy, gw);
  static Cache cache;
  const std::int64_t images = images_per_gradient_part(shape);
  const std::int64_t tasks = (shape.images + images - 1) / images;
  const auto body = cache.get({shape.of_images(images), compute}, make_backward_weights);
  const auto tail = cache.get({shape.of_images(shape.images - (tasks - 1) * images), compute},
                              make_backward_weights);
  const std::int64_t count = shape.weight_elements();
  const Storage sums(static_cast<std::size_t>(tasks * count) * sizeof(float), cpu_device);
  auto* const parts = reinterpret_cast<float*>(sums.data());
  const Operand gradients{gy, DType::f32, shape.out};
  const auto x_window = [&](std::int64_t first, std::int64_t number) {
    return pixels_of_images(shape.in_pixels(), shape.in, first, number);
  };
  const auto gy_window = [&](std::int64_t first, std::int64_t number) {
    return pixels_of_images(shape.out_pixels(), shape.out, first, number);
  };
  const auto larger = [&](auto&& bytes) { return std::max(bytes(*body), bytes(*tail)); };
  RangeScratch scratchpads(larger([](const auto& p) { return p.scratchpad_bytes(); }));
  RangeScratch packed_gradients(
      larger([](const auto& p) { return p.layout(DNNL_ARG_DIFF_WEIGHTS).get_size(); }));
  RangeScratch x_copies(copy_bytes(x, x_window(0, images), compute));
  RangeScratch gy_copies(copy_bytes(gradients, gy_window(0, images), compute));
  parallel_for(0, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const scratchpad = scratchpads.take<std::byte>();
    auto* const packed = packed_gradients.take<std::byte>();
    auto* const x_copy = x_copies.take<std::byte>();
    auto* const gy_copy = gy_copies.take<std::byte>();
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task * images, number = std::min(images, shape.images - first);
      const onednn::Primitive& primitive = task == tasks - 1 ? *tail : *body;
      const dnnl::memory packed_memory(primitive.layout(DNNL_ARG_DIFF_WEIGHTS), onednn::engine(),
                                       packed);
      onednn::Run run(primitive, scratchpad);
      run.bind(DNNL_ARG_SRC, loaded(x, x_window(first, number), compute, x_copy))
          .bind(DNNL_ARG_DIFF_DST, loaded(gradients, gy_window(first, number), compute, gy_copy))
          .bind(DNNL_ARG_DIFF_WEIGHTS, packed_memory);
      run();
      onednn::reorder(packed_memory, dnnl::memory(Layouts::plain_weight(shape), onednn::engine(),
                                                  parts + task * count));
    }
  });
  add_parts(parts, tasks, count, gw);
}

}  // namespace ranvier::detail

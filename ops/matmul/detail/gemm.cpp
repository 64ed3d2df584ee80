#include "ranvier/ops/matmul/detail/gemm.h"

#include <algorithm>
#include <cstring>

#include "ranvier/core/scratch.h"
#include "ranvier/ops/matmul/detail/onednn.h"

namespace ranvier::detail {
namespace {

struct PrimitiveSpec {
  Gemm gemm;
  bool bias = false;

  auto operator<=>(const PrimitiveSpec&) const = default;
};

// Where 31 numbers are left of a sum that is taken 32 at a time, kernels of oneDNN 2.6 that
// multiply in tiles (AMX) may use one that was not set up, and the processor stops the program.
bool breaks_tiles(const Gemm& g) { return g.compute == DType::bf16 && g.k % 32 == 31; }

template <class... Layouts>
dnnl::matmul::primitive_desc describe_product(const Gemm& g, const Layouts&... layouts) {
  return breaks_tiles(g) ? onednn::describe_without_tiles<dnnl::matmul>(layouts...)
                         : onednn::describe<dnnl::matmul>(layouts...);
}

onednn::Primitive make_primitive(const PrimitiveSpec& spec) {
  using Layout = dnnl::memory::desc;
  using Extents = dnnl::memory::dims;
  const Gemm& g = spec.gemm;
  const auto type = onednn::data_type(g.compute);
  const auto f32 = dnnl::memory::data_type::f32;
  const Layout a({g.m, g.k}, type, g.transpose_a ? Extents{1, g.m} : Extents{g.k, 1});
  const Layout b({g.k, g.n}, type, g.transpose_b ? Extents{1, g.k} : Extents{g.n, 1});
  const Layout bias({1, g.n}, f32, Extents{g.n, 1});
  const Layout c({g.m, g.n}, f32, Extents{g.n, 1});
  const auto description =
      spec.bias ? describe_product(g, a, b, bias, c) : describe_product(g, a, b, c);
  return {dnnl::matmul(description),
          {{DNNL_ARG_SRC, a},
           {DNNL_ARG_WEIGHTS, b},
           {DNNL_ARG_BIAS, bias},
           {DNNL_ARG_DST, c},
           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}};
}

std::shared_ptr<const onednn::Primitive> primitive_for(Gemm gemm, std::int64_t rows, bool bias) {
  static onednn::Cache<PrimitiveSpec> cache;
  gemm.m = rows;
  return cache.get({gemm, bias}, make_primitive);
}

void run(const onednn::Primitive& primitive, void* scratchpad, const void* a, const void* b,
         const void* bias, float* c) {
  onednn::Run product(primitive, scratchpad);
  product.bind(DNNL_ARG_SRC, a).bind(DNNL_ARG_WEIGHTS, b).bind(DNNL_ARG_DST, c);
  if (bias != nullptr) product.bind(DNNL_ARG_BIAS, bias);
  product();
}

// The fewest rows from which on oneDNN sums each alike; rows are those of the stored A.
std::int64_t least_rows(const Gemm& g) { return g.transpose_a ? 1 : onednn::least_rows(g.compute); }

// About `rows`, such that the last piece has enough of them too.
std::int64_t without_short_rest(const Gemm& g, std::int64_t rows) {
  for (std::int64_t pieces = (g.m + rows - 1) / rows; pieces > 1; --pieces) {
    const std::int64_t even = (g.m + pieces - 1) / pieces;
    if (g.m - (pieces - 1) * even >= least_rows(g)) return even;
  }
  return g.m;
}

// Where the sums of a row depend on the number of rows, the cut is the same for any number of
// threads; else one piece for each thread costs least, as each piece packs B anew, but for copies
// of A, which should stay in the cache.
std::int64_t rows_per_task(const Gemm& g, const Operand& a) {
  constexpr std::int64_t fixed_rows = 128, least_copied_rows = 256, copied_elements = 1 << 18;
  constexpr double least_flops = 2e5;  // 2 us: what a parallel region may cost beside it
  if (!onednn::rows_independent()) return std::min(fixed_rows, g.m);
  const double flops = 2.0 * static_cast<double>(g.m) * static_cast<double>(g.n * g.k);
  const auto tasks = static_cast<std::int64_t>(
      std::clamp(flops / least_flops, 1.0, static_cast<double>(num_threads())));
  std::int64_t rows = (g.m + tasks - 1) / tasks;
  if (a.stored != g.compute && !g.transpose_a) {
    const std::int64_t most = std::max(least_copied_rows, copied_elements / g.k);
    const std::int64_t pieces = (rows + most - 1) / most;
    rows = (rows + pieces - 1) / pieces;
  }
  return without_short_rest(g, rows);
}

// Columns of packed spikes are cut at whole words.
std::int64_t whole_words(const Gemm& g, const Operand& a, std::int64_t rows) {
  return g.transpose_a && a.stored == DType::bits ? (rows + 63) / 64 * 64 : rows;
}

// The rows of C from `first` on need these of A; columns of the stored matrix if A is transposed,
// made dense, as oneDNN's best kernels take no strides.
Window rows_of_a(const Gemm& g, std::int64_t first, std::int64_t count) {
  return g.transpose_a ? Window{.rows = g.k, .column = first, .columns = count}
                       : Window{.row = first, .rows = count, .columns = g.k};
}

std::size_t larger_scratchpad(const onednn::Primitive& a, const onednn::Primitive& b) {
  return std::max(a.scratchpad_bytes(), b.scratchpad_bytes());
}

void gemm_by_rows(const Gemm& g, const Operand& a, const Operand& b, const float* bias, float* c) {
  const std::int64_t rows = std::min(g.m, whole_words(g, a, rows_per_task(g, a)));
  const std::int64_t tasks = (g.m + rows - 1) / rows;
  const auto body = primitive_for(g, rows, bias != nullptr);
  const auto tail = primitive_for(g, g.m - (tasks - 1) * rows, bias != nullptr);
  const LoadedMatrix whole_b(b, g.transpose_b ? g.n : g.k, g.compute);
  RangeScratch scratchpads(larger_scratchpad(*body, *tail));
  RangeScratch copies(copy_bytes(a, rows_of_a(g, 0, rows), g.compute));
  parallel_for(0, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const scratchpad = scratchpads.take<std::byte>();
    auto* const copy = copies.take<std::byte>();
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task * rows, count = std::min(rows, g.m - first);
      const void* const piece = loaded(a, rows_of_a(g, first, count), g.compute, copy);
      run(task == tasks - 1 ? *tail : *body, scratchpad, piece, whole_b.data(), bias,
          c + first * g.n);
    }
  });
}

// Few rows, followed by rows of zeros up to as many as are summed alike.
void gemm_with_rows_added(const Gemm& g, const Operand& a, const Operand& b, const float* bias,
                          float* c) {
  Gemm padded = g;
  padded.m = least_rows(g);
  const Window rows{.rows = g.m, .columns = g.k};
  const auto bytes = static_cast<std::size_t>(g.k * element_size(g.compute));
  const Storage padded_a(static_cast<std::size_t>(padded.m) * bytes, cpu_device);
  const Storage padded_c(static_cast<std::size_t>(padded.m * g.n) * sizeof(float), cpu_device);
  load(a, rows, g.compute, padded_a.data());
  std::memset(padded_a.data() + static_cast<std::size_t>(g.m) * bytes, 0,
              static_cast<std::size_t>(padded.m - g.m) * bytes);
  auto* const padded_rows = reinterpret_cast<float*>(padded_c.data());
  gemm_by_rows(padded, {padded_a.data(), g.compute, g.k}, b, bias, padded_rows);
  std::copy_n(padded_rows, g.m * g.n, c);
}

// Pieces of the sum over k when A is stored as [k, m]: a small C leaves nothing else to cut.
// A function of the shape only.
std::int64_t depth_parts(const Gemm& g) {
  constexpr std::int64_t most_parts = 32, least_depth = 128, most_floats = 1 << 20, least_parts = 4;
  const std::int64_t parts = std::min({most_parts, g.k / least_depth, most_floats / (g.m * g.n)});
  return g.transpose_a && !g.transpose_b && parts >= least_parts ? parts : 1;
}

void gemm_by_depth(const Gemm& g, std::int64_t parts, const Operand& a, const Operand& b,
                   float* c) {
  const std::int64_t depth = (g.k + parts - 1) / parts;
  const std::int64_t tasks = (g.k + depth - 1) / depth;
  Gemm piece = g;
  piece.k = depth;
  const auto body = primitive_for(piece, g.m, false);
  piece.k = g.k - (tasks - 1) * depth;
  const auto tail = primitive_for(piece, g.m, false);
  const Storage sums(static_cast<std::size_t>(tasks * g.m * g.n) * sizeof(float), cpu_device);
  auto* const parts_of_c = reinterpret_cast<float*>(sums.data());
  const Window most_a{.rows = depth, .columns = g.m}, most_b{.rows = depth, .columns = g.n};
  RangeScratch scratchpads(larger_scratchpad(*body, *tail));
  RangeScratch copies_of_a(copy_bytes(a, most_a, g.compute));
  RangeScratch copies_of_b(copy_bytes(b, most_b, g.compute));
  parallel_for(0, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const scratchpad = scratchpads.take<std::byte>();
    auto* const copy_of_a = copies_of_a.take<std::byte>();
    auto* const copy_of_b = copies_of_b.take<std::byte>();
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task * depth, count = std::min(depth, g.k - first);
      const void* const piece_of_a =
          loaded(a, {.row = first, .rows = count, .columns = g.m}, g.compute, copy_of_a);
      const void* const piece_of_b =
          loaded(b, {.row = first, .rows = count, .columns = g.n}, g.compute, copy_of_b);
      run(task == tasks - 1 ? *tail : *body, scratchpad, piece_of_a, piece_of_b, nullptr,
          parts_of_c + task * g.m * g.n);
    }
  });
  add_parts(parts_of_c, tasks, g.m * g.n, c);
}

template <class T>
void column_sums_of(const T* in, std::int64_t rows, std::int64_t columns, T* out) {
  constexpr std::int64_t block_rows = 256;  // sums of sums: rounding grows with the block only
  const std::int64_t blocks = (rows + block_rows - 1) / block_rows;
  const Storage storage(static_cast<std::size_t>(blocks * columns) * sizeof(T), cpu_device);
  T* const sums = reinterpret_cast<T*>(storage.data());
  parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      T* const sum = sums + block * columns;
      std::fill_n(sum, columns, T{0});
      for (std::int64_t row = block * block_rows; row < std::min(rows, (block + 1) * block_rows);
           ++row)
        for (std::int64_t i = 0; i < columns; ++i) sum[i] += in[row * columns + i];
    }
  });
  std::fill_n(out, columns, T{0});
  for (std::int64_t block = 0; block < blocks; ++block)
    for (std::int64_t i = 0; i < columns; ++i) out[i] += sums[block * columns + i];
}

}  // namespace

void gemm(const Gemm& spec, const Operand& a, const Operand& b, const float* bias, float* c) {
  if (spec.m == 0 || spec.n == 0) return;
  if (spec.k == 0) {
    for (std::int64_t i = 0; i < spec.m * spec.n; ++i)
      c[i] = bias == nullptr ? 0 : bias[i % spec.n];
    return;
  }
  const std::int64_t parts = bias == nullptr ? depth_parts(spec) : 1;
  if (parts > 1)
    gemm_by_depth(spec, parts, a, b, c);
  else if (spec.m < least_rows(spec))
    gemm_with_rows_added(spec, a, b, bias, c);
  else
    gemm_by_rows(spec, a, b, bias, c);
}

void gemm(const Gemm& g, const double* a, const double* b, const double* bias, double* c) {
  const std::int64_t a_row = g.transpose_a ? 1 : g.k, a_column = g.transpose_a ? g.m : 1;
  const std::int64_t b_row = g.transpose_b ? 1 : g.n, b_column = g.transpose_b ? g.k : 1;
  parallel_for(0, g.m, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t j = 0; j < g.n; ++j) {
        double sum = bias == nullptr ? 0 : bias[j];
        for (std::int64_t k = 0; k < g.k; ++k)
          sum += a[i * a_row + k * a_column] * b[k * b_row + j * b_column];
        c[i * g.n + j] = sum;
      }
  });
}

void column_sums(const float* in, std::int64_t rows, std::int64_t columns, float* out) {
  column_sums_of(in, rows, columns, out);
}

void column_sums(const double* in, std::int64_t rows, std::int64_t columns, double* out) {
  column_sums_of(in, rows, columns, out);
}

void add_parts(const float* parts, std::int64_t number, std::int64_t count, float* out) {
  constexpr std::int64_t grain = 4096;
  parallel_for(0, count, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; block += grain) {  // in L1 while it is summed
      const std::int64_t last = std::min(end, block + grain);
      std::copy(parts + block, parts + last, out + block);
      for (std::int64_t part = 1; part < number; ++part)
        for (std::int64_t i = block; i < last; ++i) out[i] += parts[part * count + i];
    }
  });
}

}  // namespace ranvier::detail

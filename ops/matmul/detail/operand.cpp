#include "ranvier/ops/matmul/detail/operand.h"

#include <cstring>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/matmul/detail/operand_isa.h"
#include "ranvier/ops/spikes/detail/spike_kernels.h"

namespace ranvier::detail {
namespace {

const OperandKernels& kernels() {
  return pick_isa(isa_v2::operand_kernels, isa_v3::operand_kernels, isa_v4::operand_kernels);
}

std::size_t bytes_of(const Window& window, DType dtype) {
  return static_cast<std::size_t>(window.rows * window.columns * element_size(dtype));
}

bool serves_as_stored(const Operand& operand, const Window& window, DType dtype) {
  return operand.stored == dtype && window.columns == operand.columns;
}

void load_spikes(const Operand& operand, const Window& window, DType dtype, void* out) {
  RV_ASSERT(window.column % 64 == 0, "spikes are loaded from column {}", window.column);
  const std::int64_t stride = words_per_row(operand.columns);
  const auto* words =
      static_cast<const std::uint64_t*>(operand.data) + window.row * stride + window.column / 64;
  const SpikeKernels& unpack = spike_kernels();
  const bool dense = stride == words_per_row(window.columns);
  const std::int64_t runs = dense ? 1 : window.rows, rows = dense ? window.rows : 1;
  for (std::int64_t run = 0; run < runs; ++run) {
    const std::int64_t first = run * window.columns;
    if (dtype == DType::bf16)
      unpack.unpack_bf16(words + run * stride, rows, window.columns,
                         static_cast<std::uint16_t*>(out) + first);
    else
      unpack.unpack_f32(words + run * stride, rows, window.columns,
                        static_cast<float*>(out) + first);
  }
}

void load_floats(const Operand& operand, const Window& window, DType dtype, void* out) {
  const auto* values =
      static_cast<const float*>(operand.data) + window.row * operand.columns + window.column;
  for (std::int64_t row = 0; row < window.rows; ++row, values += operand.columns) {
    if (dtype == DType::bf16)
      kernels().round_to_bf16(values, window.columns,
                              static_cast<std::uint16_t*>(out) + row * window.columns);
    else
      std::memcpy(static_cast<float*>(out) + row * window.columns, values,
                  static_cast<std::size_t>(window.columns) * sizeof(float));
  }
}

const void* first_of(const Operand& operand, const Window& window) {
  return static_cast<const std::byte*>(operand.data) +
         window.row * operand.columns * element_size(operand.stored);
}

}  // namespace

void load(const Operand& operand, const Window& window, DType dtype, void* out) {
  RV_ASSERT(operand.stored == DType::f32 || operand.stored == DType::bits, "loading {}",
            operand.stored);
  if (operand.stored == DType::bits)
    load_spikes(operand, window, dtype, out);
  else
    load_floats(operand, window, dtype, out);
}

std::size_t copy_bytes(const Operand& operand, const Window& window, DType dtype) {
  return serves_as_stored(operand, window, dtype) ? 0 : bytes_of(window, dtype);
}

const void* loaded(const Operand& operand, const Window& window, DType dtype, void* buffer) {
  if (serves_as_stored(operand, window, dtype)) return first_of(operand, window);
  load(operand, window, dtype, buffer);
  return buffer;
}

LoadedMatrix::LoadedMatrix(const Operand& operand, std::int64_t rows, DType dtype)
    : copy_(
          operand.stored == dtype ? 0 : bytes_of({.rows = rows, .columns = operand.columns}, dtype),
          cpu_device),
      data_(copy_.data()) {
  if (operand.stored == dtype) {
    data_ = operand.data;
    return;
  }
  const std::int64_t row_bytes = operand.columns * element_size(dtype);
  parallel_for(0, rows, 1 + (1 << 15) / (row_bytes + 1), [&](std::int64_t begin, std::int64_t end) {
    load(operand, {.row = begin, .rows = end - begin, .columns = operand.columns}, dtype,
         copy_.data() + begin * row_bytes);
  });
}

RoundedArray::RoundedArray(const float* values, std::int64_t number, DType compute)
    : copy_(compute == DType::bf16 ? static_cast<std::size_t>(number) * sizeof(float) : 0,
            cpu_device),
      data_(values) {
  if (compute != DType::bf16) return;
  auto* const rounded = reinterpret_cast<float*>(copy_.data());
  parallel_for(0, number, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    kernels().round_through_bf16(values + begin, end - begin, rounded + begin);
  });
  data_ = rounded;
}

}  // namespace ranvier::detail

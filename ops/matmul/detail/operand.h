// What the dense products multiply: f32 arrays or packed spikes, as f32 or rounded to bf16.
#pragma once

#include <cstdint>

#include "ranvier/core/dtype.h"
#include "ranvier/core/storage.h"

namespace ranvier::detail {

/// A row-major matrix of `columns` columns, stored as f32 or as packed spikes.
struct Operand {
  const void* data = nullptr;
  DType stored = DType::f32;
  std::int64_t columns = 0;
};

/// A rectangle of an operand. For packed spikes, `column` is a multiple of 64.
struct Window {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

/// Writes a window of `operand` densely as `dtype` (f32 or bf16) to `out`. Serial.
void load(const Operand& operand, const Window& window, DType dtype, void* out);

/// Bytes that `loaded` needs to copy to: 0 where the stored array itself serves.
std::size_t copy_bytes(const Operand& operand, const Window& window, DType dtype);

/// A window of an operand in `dtype`: the stored array itself where that serves, else a copy in
/// `buffer`. Serial.
const void* loaded(const Operand& operand, const Window& window, DType dtype, void* buffer);

/// All `rows` of `operand` in `dtype`, loaded by all threads.
class LoadedMatrix {
 public:
  LoadedMatrix(const Operand& operand, std::int64_t rows, DType dtype);
  const void* data() const { return data_; }

 private:
  Storage copy_;
  const void* data_;
};

/// An f32 array as a product in `compute` sees it: itself for f32, rounded to bf16 and kept in f32
/// for bf16, so that event-driven products use the numbers that dense ones would.
class RoundedArray {
 public:
  RoundedArray(const float* values, std::int64_t number, DType compute);
  const float* data() const { return data_; }

 private:
  Storage copy_;
  const float* data_;
};

/// The loops, compiled per instruction set.
struct OperandKernels {
  void (*round_to_bf16)(const float* values, std::int64_t number, std::uint16_t* rounded);
  void (*round_through_bf16)(const float* values, std::int64_t number, float* rounded);
};

}  // namespace ranvier::detail

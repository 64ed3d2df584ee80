// Packing and unpacking of spikes over arrays. A matrix [rows, columns] of spikes is rows of
// words_per_row(columns) words; bits beyond the columns are zero.
#pragma once

#include <cstdint>

namespace ranvier::detail {

/// The serial kernels, compiled per instruction set.
struct SpikeKernels {
  void (*pack)(const float* values, std::int64_t rows, std::int64_t columns, std::uint64_t* words);
  void (*unpack_f32)(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                     float* values);
  void (*unpack_bf16)(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                      std::uint16_t* values);
  std::int64_t (*count)(const std::uint64_t* words, std::int64_t number);
  /// block[i] bit j becomes block[j] bit i.
  void (*transpose_64x64)(std::uint64_t* block);
};

const SpikeKernels& spike_kernels();

// The same over all threads.
void pack_spikes(const float* values, std::int64_t rows, std::int64_t columns,
                 std::uint64_t* words);
void unpack_spikes(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                   float* values);
void unpack_spikes_bf16(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                        std::uint16_t* values);
std::int64_t count_spikes(const std::uint64_t* words, std::int64_t number);
/// The matrix [columns, rows] of the spikes of a matrix [rows, columns].
void transpose_spikes(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                      std::uint64_t* transposed);

}  // namespace ranvier::detail

// Arrays of the number types that libraries compute with, as doubles.
#pragma once

#include <cstddef>
#include <vector>

#include "ranvier/core/dtype.h"

namespace emulator {

using ranvier::DType;

/// Bytes of a number.
std::size_t bytes_of(DType type);

double read_number(const void* array, DType type, std::size_t at);
/// Rounds to nearest even.
void write_number(void* array, DType type, std::size_t at, double value);

std::vector<double> read_numbers(const void* array, DType type, std::size_t count);

/// `value` as `type` holds it.
double rounded(double value, DType type);
/// f32 numbers as tensor cores take them in TF32: rounded to 10 bits of fraction.
void round_to_tf32(std::vector<double>& values);

}  // namespace emulator

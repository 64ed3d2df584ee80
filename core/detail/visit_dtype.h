// From a run-time dtype to a compile-time element type.
#pragma once

#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/dtype.h"
#include "ranvier/core/error.h"

namespace ranvier::detail {

template <class T>
struct Type {};

/// Calls `body(Type<T>{})` with the element type of `dtype`. Error: packed spikes.
template <class Body>
decltype(auto) visit_numeric(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::f32:
      return body(Type<float>{});
    case DType::f64:
      return body(Type<double>{});
    case DType::f16:
      return body(Type<float16>{});
    case DType::bf16:
      return body(Type<bfloat16>{});
    case DType::u8:
      return body(Type<std::uint8_t>{});
    case DType::i64:
      return body(Type<std::int64_t>{});
    case DType::bits:
      break;
  }
  fail(ErrorCode::invalid_argument,
       "[dtype] packed spikes have no elements; use to_bits and from_bits.");
}

/// Calls `body(Type<T>{})` for f32 or f64, the types that operations compute in. The error for
/// any other dtype is tagged with `op`.
template <class Body>
decltype(auto) visit_real(const char* op, DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(Type<float>{});
  if (dtype == DType::f64) return body(Type<double>{});
  fail(ErrorCode::invalid_argument, "[{}] needs f32 or f64; got {}.", op, dtype);
}

/// Calls `body(Type<T>{})` for a floating dtype. The error for any other is tagged with `op`.
template <class Body>
decltype(auto) visit_floating(const char* op, DType dtype, Body&& body) {
  if (dtype == DType::f16) return body(Type<float16>{});
  if (dtype == DType::bf16) return body(Type<bfloat16>{});
  return visit_real(op, dtype, body);
}

}  // namespace ranvier::detail

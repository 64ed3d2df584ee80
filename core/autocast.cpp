#include "ranvier/core/autocast.h"

#include <atomic>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/error.h"

namespace ranvier {
namespace {

thread_local DType compute_dtypes[] = {DType::f32, DType::f32};  // by DeviceType
std::atomic<bool> tf32_allowed = false;

DType& compute_dtype(DeviceType type) { return compute_dtypes[static_cast<std::size_t>(type)]; }

void check_cpu(DType compute) {
  RV_CHECK(compute == DType::f32 || compute == DType::bf16,
           "[autocast] the compute dtype must be f32 or bf16; got {}.", compute);
  if (compute == DType::bf16 && !bf16_supported())
    fail(ErrorCode::device,
         "[autocast] this processor does not multiply bf16 (no AVX-512 BF16); use f32.");
}

}  // namespace

bool bf16_supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
}

AutocastGuard::AutocastGuard(DType compute, Device device)
    : type_(device.type), previous_(compute_dtype(device.type)) {
  if (type_ == DeviceType::cpu)
    check_cpu(compute);
  else
    RV_CHECK(compute == DType::f32 || compute == DType::bf16 || compute == DType::f16,
             "[autocast] the compute dtype on {} must be f32, bf16 or f16; got {}.", device,
             compute);
  compute_dtype(type_) = compute;
}

AutocastGuard::~AutocastGuard() { compute_dtype(type_) = previous_; }

DType autocast_dtype(Device device) { return compute_dtype(device.type); }

Tensor widened(const Tensor& x) { return x.to(detail::computed_dtype(x.dtype())); }

bool only_stored(const Tensor& x) {
  return x.device() == cpu_device && detail::computed_dtype(x.dtype()) != x.dtype();
}

void set_tf32(bool allowed) { tf32_allowed = allowed; }

bool tf32() { return tf32_allowed; }

}  // namespace ranvier

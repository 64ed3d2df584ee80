// Compiler and target differences, in one place.
#pragma once

// RV_HD marks the small numeric functions that one source serves to both engines: the CPU loops
// and the CUDA kernels. They must inline completely, or the loops around them do not vectorise.
#if defined(__CUDACC__)
#define RV_HD __host__ __device__ __forceinline__
#else
#define RV_HD inline __attribute__((always_inline))
#endif

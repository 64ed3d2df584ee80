# The CUDA libraries compiled by the C++ compiler for devices that the processor plays: tests/emulator
# stands in for CUDA's headers and libraries (docs/decisions/0035-emulated-devices.md).
file(GLOB emulator_sources CONFIGURE_DEPENDS tests/emulator/*/*.cpp)
list(FILTER emulator_sources EXCLUDE REGEX "_test\\.cpp$")
add_library(ranvier_emulator SHARED ${emulator_sources})
# These compute within arrays of their own, which takes most of the time of some tests.
set_source_files_properties(tests/emulator/libraries/cublaslt.cpp tests/emulator/libraries/cudnn.cpp
  PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all")
target_include_directories(ranvier_emulator BEFORE PUBLIC ${PROJECT_SOURCE_DIR}/tests/emulator/include)
target_include_directories(ranvier_emulator PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(ranvier_emulator PUBLIC ranvier PRIVATE Boost::context)

function(ranvier_cuda_library target)
  add_library(${target} SHARED ${ARGN})
  set(kernels ${ARGN})
  list(FILTER kernels INCLUDE REGEX "\\.cu$")
  set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
  target_link_libraries(${target} PRIVATE ranvier_emulator)
  target_compile_options(${target} PRIVATE -Wno-unknown-pragmas -Wno-unused-function
    -Wno-maybe-uninitialized)
  # With every access of an unrolled kernel it would be asked what the address sanitizer sees too,
  # which takes twice as long to compile.
  target_compile_options(${target} PRIVATE -fno-sanitize=null,object-size,pointer-overflow)
  set_target_properties(${target} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

list(TRANSFORM folders APPEND "/*_cuda.cu" OUTPUT_VARIABLE patterns)
file(GLOB_RECURSE kernel_sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${patterns})
ranvier_cuda_library(ranvier_cuda ${kernel_sources} ${cuda_sources})
list(TRANSFORM folders APPEND "/*_nccl.cu" OUTPUT_VARIABLE patterns)
file(GLOB_RECURSE nccl_sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${patterns})
ranvier_cuda_library(ranvier_nccl ${nccl_sources})
target_link_libraries(ranvier_nccl PRIVATE ranvier_cuda)

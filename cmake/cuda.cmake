# Everything CUDA is one shared library, which ranvier opens when a driver is there: a machine
# without CUDA runs the same programs, and cuBLASLt's 90 ms at start are paid by those who use it.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU generations to compile for")
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc does
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
set(CMAKE_CUDA_STANDARD 20)

# PTX for the oldest generation, and machine code for each from that. CMake would let nvcc make PTX
# for each of them, which takes half as long again (docs/decisions/0032-one-ptx.md).
function(ranvier_one_ptx target)
  set(numbers ${CMAKE_CUDA_ARCHITECTURES})
  list(TRANSFORM numbers REPLACE "-(real|virtual)$" "")
  if(NOT "${numbers}" MATCHES "^[0-9]+(;[0-9]+)*$")
    return()  # "native", "all", "90a": as CMake does it
  endif()
  list(SORT numbers COMPARE NATURAL)
  list(GET numbers 0 oldest)
  set(code ${CMAKE_CUDA_ARCHITECTURES})
  list(TRANSFORM code REPLACE "^([0-9]+)(-real)?$" "sm_\\1")
  list(FILTER code INCLUDE REGEX "^sm_")
  if(NOT "${CMAKE_CUDA_ARCHITECTURES}" MATCHES "^[0-9]+-real(;[0-9]+-real)*$")
    list(APPEND code compute_${oldest})  # for generations that are not listed
  endif()
  list(JOIN code "," code)
  set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES OFF)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--generate-code=arch=compute_${oldest},code=[${code}]>")
endfunction()

function(ranvier_cuda_library target)
  add_library(${target} SHARED ${ARGN})
  target_link_libraries(${target} PRIVATE ranvier CUDA::cudart_static)
  target_include_directories(${target} PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  # fmt 9 takes nvcc for a compiler without constexpr.
  target_compile_definitions(${target} PRIVATE FMT_USE_CONSTEXPR=1)
  # No contraction, as on the CPU: spikes are the same bits. A kernel that spills is an error.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--fmad=false;--expt-relaxed-constexpr;--extended-lambda>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra;-Xptxas=--warn-on-spills,-Werror>")
  ranvier_one_ptx(${target})
  set_target_properties(${target} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

list(TRANSFORM folders APPEND "/*_cuda.cu" OUTPUT_VARIABLE patterns)
file(GLOB_RECURSE kernel_sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${patterns})
ranvier_cuda_library(ranvier_cuda ${kernel_sources} ${cuda_sources})
target_link_libraries(ranvier_cuda PRIVATE CUDA::cublasLt ${CUDNN})

# So is the transport over NCCL, which is not on every machine with a GPU.
find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(NCCL nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
mark_as_advanced(NCCL_INCLUDE_DIR NCCL)
set(nccl_version 0)
if(NCCL_INCLUDE_DIR AND NCCL)
  file(STRINGS ${NCCL_INCLUDE_DIR}/nccl.h nccl_version REGEX "^#define NCCL_(MAJOR|MINOR) ")
  string(REGEX REPLACE "[^0-9;]" "" nccl_version "${nccl_version}")
  list(JOIN nccl_version . nccl_version)
endif()
if(nccl_version VERSION_GREATER_EQUAL 2.26)
  list(TRANSFORM folders APPEND "/*_nccl.cu" OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE nccl_sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${patterns})
  ranvier_cuda_library(ranvier_nccl ${nccl_sources})
  target_link_libraries(ranvier_nccl PRIVATE ranvier_cuda ${NCCL})
  target_include_directories(ranvier_nccl PRIVATE ${NCCL_INCLUDE_DIR})
else()
  message(STATUS "NCCL: off, as 2.26 or later is not found beside the CUDA toolkit")
endif()

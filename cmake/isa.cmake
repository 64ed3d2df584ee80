# Kernel files named *_isa.cpp are compiled once per level of x86-64, each copy in a namespace of
# its own (RV_ISA_NAMESPACE: isa_v2, isa_v3, isa_v4); their dispatcher picks one at start.
# *_avx512bf16.cpp is the same with one copy, isa_avx512bf16, for processors that have it.
# The lowest level is linked first, so where copies share an inline function its code is kept;
# tests/lint/isa_symbols.sh checks that none brings code that is not in a lower one.
set(isa_copies "")
function(ranvier_isa_copy name level flags)
  if(NOT ARGN)
    return()
  endif()
  set(copy ranvier_${name})
  add_library(${copy} OBJECT ${ARGN})
  target_compile_definitions(${copy} PRIVATE RV_ISA_NAMESPACE=${name} RV_ISA_LEVEL=${level})
  target_compile_options(${copy} PRIVATE ${flags})
  target_include_directories(${copy} PRIVATE ${include_root})
  target_link_libraries(${copy} PRIVATE fmt::fmt OpenMP::OpenMP_CXX)
  target_sources(ranvier PRIVATE $<TARGET_OBJECTS:${copy}>)
  set(isa_copies ${isa_copies} ${copy} PARENT_SCOPE)
endfunction()

ranvier_isa_copy(isa_v2 2 -march=x86-64-v2 ${isa_sources})
ranvier_isa_copy(isa_v3 3 -march=x86-64-v3 ${isa_sources})
ranvier_isa_copy(isa_v4 4 -march=x86-64-v4 ${isa_sources})
ranvier_isa_copy(isa_avx512bf16 4 "-march=x86-64-v4;-mavx512bf16" ${avx512bf16_sources})

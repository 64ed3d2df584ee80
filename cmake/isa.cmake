# Kernel files named *_isa.cpp are compiled once per level of x86-64, each copy in a namespace of
# its own (RV_ISA_NAMESPACE: isa_v2, isa_v3, isa_v4); their dispatcher picks one at start.
# The lowest level is linked first: where the copies share an inline function, its code is kept.
if(isa_sources)
  foreach(level 2 3 4)
    set(copy ranvier_isa_v${level})
    add_library(${copy} OBJECT ${isa_sources})
    target_compile_definitions(${copy} PRIVATE RV_ISA_NAMESPACE=isa_v${level} RV_ISA_LEVEL=${level})
    target_compile_options(${copy} PRIVATE -march=x86-64-v${level})
    target_include_directories(${copy} PRIVATE ${include_root})
    target_link_libraries(${copy} PRIVATE fmt::fmt OpenMP::OpenMP_CXX)
    target_sources(ranvier PRIVATE $<TARGET_OBJECTS:${copy}>)
  endforeach()
endif()

set(avx512bf16_sources ${sources})
list(FILTER avx512bf16_sources INCLUDE REGEX "_avx512bf16\\.cpp$")
set_source_files_properties(${avx512bf16_sources} PROPERTIES
  COMPILE_OPTIONS "-march=x86-64-v4;-mavx512bf16"
  COMPILE_DEFINITIONS "RV_ISA_NAMESPACE=isa_avx512bf16;RV_ISA_LEVEL=4")

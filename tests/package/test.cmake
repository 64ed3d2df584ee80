# Installs the build, moves it, and has another project find, compile and run against it.
# Run with -DBUILD=<build folder> -DCXX=<compiler> -DVERSION=<ours> -DCONFIG=<build type>.
set(root ${BUILD}/tests/package)
set(prefix ${root}/moved)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${root})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${root}/installed)
file(RENAME ${root}/installed ${prefix})

# Every installed header, alone in the world: none may need one that was left behind.
file(GLOB_RECURSE headers RELATIVE ${prefix}/include ${prefix}/include/*.h)
list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"" OUTPUT_VARIABLE includes)
list(JOIN includes "\n" includes)
file(WRITE ${root}/all_headers.cpp "${includes}\n")

run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${root}/build
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_PREFIX_PATH=${prefix}
    -DVERSION=${VERSION} -DALL_HEADERS=${root}/all_headers.cpp)
run(${CMAKE_COMMAND} --build ${root}/build)
run(${root}/build/consumer)

# The project of docs/getting-started.md.
run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/../../docs/examples/project
    -B ${root}/guide -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=${CONFIG}
    -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${root}/guide)
run(${root}/guide/my_network)

file(GLOB programs ${prefix}/bin/ranvier-*)
foreach(program IN LISTS programs)
  run(${program} --help)
endforeach()

# What ranvier-bench --compare runs is found where the tree was moved to.
find_program(PYTHON3 python3)
if(PYTHON3)
  run(${prefix}/bin/ranvier-bench mlp --runs 1 --batch-size 1 --compare)
else()
  message(STATUS "skipped: python3 is not installed, so ranvier-bench --compare was not tried")
endif()

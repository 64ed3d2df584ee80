# Headers lie beside their sources. Links in the build folder give them the spelling that users
# know, "ranvier/core/tensor.h", and a file set based there installs and verifies them.
set(include_root ${PROJECT_BINARY_DIR}/include)

execute_process(COMMAND git describe --always --dirty WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                OUTPUT_VARIABLE RANVIER_GIT_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
configure_file(cmake/config.h.in ${include_root}/ranvier/config.h)

function(ranvier_headers target)
  set(headers ${include_root}/ranvier/config.h)
  foreach(folder IN LISTS ARGN)
    if(NOT IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
      continue()
    endif()
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${include_root}/ranvier/${folder} SYMBOLIC)
    file(GLOB_RECURSE found RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${folder}/*.h)
    list(FILTER found EXCLUDE REGEX "/detail/")
    list(TRANSFORM found PREPEND ${include_root}/ranvier/)
    list(APPEND headers ${found})
  endforeach()
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${include_root} FILES ${headers})
endfunction()

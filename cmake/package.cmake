# Installs the library, its headers and what find_package(ranvier) reads. The installed tree may be
# moved: nothing in it names where it was.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ranvier)

install(TARGETS ranvier EXPORT ranvier-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT ranvier-targets NAMESPACE ranvier:: DESTINATION ${package_dir})

configure_package_config_file(cmake/ranvier-config.cmake.in ${PROJECT_BINARY_DIR}/ranvier-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ranvier-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ranvier-config.cmake
              ${PROJECT_BINARY_DIR}/ranvier-config-version.cmake DESTINATION ${package_dir})

# Installs the headers with what finds them (find_package and pkg-config), and the program where it is built.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/bert)

install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT headers)
install(TARGETS bert_headers bert_native ${engines} EXPORT bert COMPONENT headers)
install(EXPORT bert NAMESPACE bert:: FILE bert-targets.cmake DESTINATION ${package_folder} COMPONENT headers)
configure_file(cmake/bert-config.cmake.in package/bert-config.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/bert-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/package/bert-config.cmake ${PROJECT_BINARY_DIR}/package/bert-config-version.cmake
              cmake/FindCBLAS.cmake cmake/FindoneDNN.cmake
        DESTINATION ${package_folder} COMPONENT headers)

# pkg-config names compilers' options instead of targets.
set(pc_cflags -pthread ${OpenMP_CXX_FLAGS})
set(pc_libs -pthread ${OpenMP_CXX_FLAGS})
list(JOIN pc_cflags " " pc_cflags)
list(JOIN pc_libs " " pc_libs)
configure_file(cmake/bert.pc.in package/bert.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/bert.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig COMPONENT headers)

# The program looks for its default model in ../share/bert from where it is itself.
if(TARGET bert)
  install(TARGETS bert RUNTIME DESTINATION bin COMPONENT program)
  install(DIRECTORY examples/models/default DESTINATION share/bert/models COMPONENT program)
endif()

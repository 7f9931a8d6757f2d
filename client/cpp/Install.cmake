# The SDK as a package: headers, the static libraries, and find_package(SluiceClient). Component sluice-client.
include(CMakePackageConfigHelpers)
set(SLUICE_CLIENT_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/SluiceClient)

install(TARGETS sluice_worker_sdk sluice_proto sluice_worker_messages EXPORT SluiceClientTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sluice-client)
install(DIRECTORY include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sluice-client)
install(EXPORT SluiceClientTargets NAMESPACE sluice:: DESTINATION ${SLUICE_CLIENT_CMAKE} COMPONENT sluice-client)
configure_package_config_file(cmake/SluiceClientConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/SluiceClientConfig.cmake
  INSTALL_DESTINATION ${SLUICE_CLIENT_CMAKE})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/SluiceClientConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/SluiceClientConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/SluiceClientConfigVersion.cmake
  DESTINATION ${SLUICE_CLIENT_CMAKE} COMPONENT sluice-client)

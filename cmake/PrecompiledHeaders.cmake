# Precompiled headers: half of a small file's compile time is the standard library, and two thirds of a test's are GoogleTest.
# A target takes one set over with sluice_use_pch(); every file still includes what it uses, since clang-tidy reads without.
#
#   sluice_pch        what nearly every file of the server includes
#   sluice_grpc_pch   that, and gRPC: the SDK, sluicectl, the worker listener
#   sluice_test_pch   that, and GoogleTest; compiled as tests are, without optimisation
set(SLUICE_PCH_STD
  <algorithm> <array> <atomic> <charconv> <chrono> <cstddef> <cstdint> <cstring> <deque> <functional> <limits> <map> <memory>
  <optional> <random> <set> <span> <string> <string_view> <thread> <utility> <vector>)
set(SLUICE_PCH_ABSL <absl/base/thread_annotations.h> <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>)

if(CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # ccache must see which header was taken. It compares the digest beside it, not the header, which is large and never the same twice.
  add_compile_options(-fpch-preprocess)
endif()

# sluice_pch_set(NAME HEADERS … DEPS … [OPTIONS …] [DEFINITIONS …]): a precompiled header for other targets.
function(sluice_pch_set name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS;OPTIONS;DEFINITIONS" ${ARGN})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} sluice_warnings)
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINITIONS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  if(CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set(header ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx)
    set(includes "$<TARGET_PROPERTY:${name},INCLUDE_DIRECTORIES>")
    add_custom_command(
      OUTPUT ${header}.gch.sum
      COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/pch_digest.sh ${header}.gch.sum ${header} ${CMAKE_CXX_COMPILER}
              -std=c++20 "$<$<BOOL:${includes}>:-I$<JOIN:${includes},;-I>>"
      DEPENDS ${CMAKE_SOURCE_DIR}/cmake/pch_digest.sh DEPFILE ${header}.gch.sum.d
      COMMENT "Digest of ${name}" COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_target(${name}_digest DEPENDS ${header}.gch.sum)
    add_dependencies(${name} ${name}_digest)
  endif()
endfunction()

function(sluice_use_pch target set)
  target_precompile_headers(${target} REUSE_FROM ${set})
endfunction()

sluice_pch_set(sluice_pch HEADERS ${SLUICE_PCH_STD} ${SLUICE_PCH_ABSL} DEPS absl::statusor absl::strings)
sluice_pch_set(sluice_grpc_pch HEADERS ${SLUICE_PCH_STD} ${SLUICE_PCH_ABSL} <grpcpp/grpcpp.h> DEPS absl::statusor absl::strings gRPC::grpc++)
if(SLUICE_BUILD_TESTS)
  # Tests need no optimiser, which takes as long as all else, nor line numbers of their own; what they test is compiled as users
  # have it.
  set(SLUICE_TEST_OPTIONS "$<$<CONFIG:Release,RelWithDebInfo>:-O0;-g0;-U_FORTIFY_SOURCE>")
  if(NOT SLUICE_SANITIZE_TESTS)
    list(APPEND SLUICE_TEST_OPTIONS -fno-sanitize=all)
  endif()
  sluice_pch_set(sluice_test_pch
    HEADERS ${SLUICE_PCH_STD} ${SLUICE_PCH_ABSL} <gmock/gmock.h> <gtest/gtest.h>
    DEPS absl::statusor absl::strings GTest::gmock GTest::gtest OPTIONS ${SLUICE_TEST_OPTIONS})
endif()

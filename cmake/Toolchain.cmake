# Compiler flags, sanitizers, ccache and the fast linker: what every target is built with.

include(CheckCXXCompilerFlag)

find_program(CCACHE ccache)
if(CCACHE)
  # Paths count relative to the source tree, so that clones share what they have compiled, and -Werror does not count, so
  # that ./run-tests takes over what ./quickstart has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_IGNOREOPTIONS=-Werror CCACHE_PCH_EXTSUM=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Everywhere, or a target without threads could not share a precompiled header with one that has them.
add_compile_options(-pthread)

# A hole is harder to use: addresses are not known beforehand, tables are read-only, what overruns the stack or a buffer is noticed,
# jumps lead to their targets only (docs/security.md; tests/e2e/test_hardening.py reads it out of the programs). Sanitizers bring
# checks of their own. _FORTIFY_SOURCE needs the optimiser.
if(NOT SLUICE_SANITIZE)
  add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection
    $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE>
    $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
  check_cxx_compiler_flag(-fcf-protection=full SLUICE_HAS_CF_PROTECTION)
  if(SLUICE_HAS_CF_PROTECTION)
    add_compile_options(-fcf-protection=full)
  endif()
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# Warnings go onto Sluice's own targets only, through this interface; generated code is compiled without.
# missing-field-initializers: g++ 12 means designated initialisers too, where leaving fields out is the point.
add_library(sluice_warnings INTERFACE)
target_compile_options(sluice_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

# What libFuzzer steers by; its main() is linked to its targets only.
if(SLUICE_BUILD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()

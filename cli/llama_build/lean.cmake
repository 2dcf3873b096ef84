# Read by CMake right after llama.cpp's project() (CMAKE_PROJECT_llama.cpp_INCLUDE). Normal variables set here win over
# the cache variables that llama-cpp-python forces.

# The library of llama.cpp's own programs: 51 of 178 units, never loaded by the bindings.
set(LLAMA_BUILD_COMMON OFF)

# Thousands of lines in a log in which a reader looks for one error.
set(LLAMA_ALL_WARNINGS OFF)

# libllama.so instead of libllama.so -> libllama.so.0 -> libllama.so.0.5.0: a wheel has no links, so that each of the
# three names would be a copy.
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME ON)

if(MULL_BACKEND STREQUAL "cpu")
  set(GGML_METAL OFF) # forced ON on every Mac
endif()

# Computing on other machines: the backend and its server (3 units).
if(NOT EMSCRIPTEN)
  set(GGML_RPC ON)
  set(GGML_RPC_RDMA OFF) # else it depends on what happens to be installed
  add_subdirectory(tools/rpc)
  set_target_properties(ggml-rpc-server PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
  install(TARGETS ggml-rpc-server RUNTIME DESTINATION "${SKBUILD_PLATLIB_DIR}/llama_cpp/lib")
endif()

# ggml-vulkan exists when llama.cpp's directory has been read to its end; that is also when the variable is read.
if(MULL_BACKEND STREQUAL "vulkan" AND NOT MSVC)
  set(MULL_VULKAN_HEADER "${CMAKE_CURRENT_LIST_DIR}/vulkan_layer_settings.h")
  cmake_language(DEFER CALL target_compile_options ggml-vulkan PRIVATE "SHELL:-include \"${MULL_VULKAN_HEADER}\"")
endif()

# Sources of llama that are compiled together: they read the same headers, the C++ library's above all, which took two
# fifths of their compile time. What runs for every token keeps its optimization (-O3). Loading and quantizing a model,
# and describing its graph, which is kept from token to token, get -O1.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  macro(mull_unit name)
    set(MULL_TEXT "")
    foreach(part ${ARGN})
      set(MULL_SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/src/${part}.cpp")
      if(NOT EXISTS "${MULL_SOURCE}")
        message(FATAL_ERROR "llama.cpp has no ${MULL_SOURCE}: cli/llama_build/lean.cmake is for another version.")
      endif()
      string(APPEND MULL_TEXT "#include \"${MULL_SOURCE}\"\n")
      list(APPEND MULL_JOINED "${MULL_SOURCE}")
    endforeach()
    file(CONFIGURE OUTPUT "mull/${name}.cpp" CONTENT "${MULL_TEXT}" @ONLY)
    list(APPEND MULL_UNITS "${CMAKE_CURRENT_BINARY_DIR}/mull/${name}.cpp")
  endmacro()
  mull_unit(caches llama-kv-cache llama-kv-cache-iswa llama-kv-cache-dsa llama-kv-cache-dsa-iswa llama-kv-cache-msa
    llama-kv-cache-dsv4 llama-memory llama-memory-hybrid llama-memory-hybrid-iswa llama-memory-hybrid-idx
    llama-memory-recurrent)
  mull_unit(graph llama-context llama-graph llama-batch llama-io llama-impl)
  mull_unit(sampling llama-sampler llama-grammar)
  mull_unit(vocabulary llama-vocab unicode unicode-data)
  cmake_language(DEFER CALL target_compile_options llama PRIVATE "$<$<CONFIG:Release>:-O1>")
  set(MULL_HOT ${MULL_UNITS})
  cmake_language(DEFER CALL set_source_files_properties ${MULL_HOT} TARGET_DIRECTORY llama
    PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O3>")
  mull_unit(loading llama llama-adapter llama-arch llama-chat llama-cparams llama-hparams llama-mmap llama-model-loader
    llama-model-saver llama-model llama-quant)
  cmake_language(DEFER CALL target_sources llama PRIVATE ${MULL_UNITS})
  cmake_language(DEFER CALL set_source_files_properties ${MULL_UNITS} TARGET_DIRECTORY llama
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  cmake_language(DEFER CALL set_source_files_properties ${MULL_JOINED} TARGET_DIRECTORY llama
    PROPERTIES HEADER_FILE_ONLY ON)
  # Sixteen models to a unit is upstream's choice. Some define functions of the same name, so that 80 do not compile.
  cmake_language(DEFER CALL set_target_properties llama PROPERTIES UNITY_BUILD_BATCH_SIZE 40)
endif()

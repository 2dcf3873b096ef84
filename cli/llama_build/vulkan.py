"""The Vulkan SDK: headers, loader, the shader compiler glslc and the SPIR-V headers.

Debian 12's headers (1.3.239) lack two structs that ggml-vulkan.cpp names; `vulkan_layer_settings.h` brings them, so
that everything from 1.3.239 on compiles.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping

from llama_build import compiler, sdk
from llama_build.errors import BuildError
from llama_build.packages import VULKAN_PAGE, how_to_install
from llama_build.setting import Setting

_OLDEST = 239  # the third part of the version; the oldest that was tried


def vulkan(environment: Mapping[str, str]) -> Setting:
    """How to build for Vulkan. Raises BuildError where a part is missing or the headers are too old."""
    includes = [f"-I{folder}" for folder in sdk.from_variables(environment, ("VULKAN_SDK",), "include")]
    glslc = sdk.find("glslc", environment, sdk.from_variables(environment, ("VULKAN_SDK",)))
    version = _version(environment, includes)
    missing = _missing(environment, includes)
    if version is None:
        missing.insert(0, "the Vulkan headers")
    if glslc is None:
        missing.append("glslc")
    if missing:
        raise BuildError(f"BACKEND=vulkan needs {', '.join(missing)}.", how_to_install("vulkan"))
    if version is not None and version < _OLDEST:
        raise BuildError(
            f"The Vulkan headers here are too old: 1.3.{version}; 1.3.{_OLDEST} or newer is needed.",
            f"Get a newer SDK from {VULKAN_PAGE} and set VULKAN_SDK to its folder.",
        )
    made_by = sdk.ask(glslc, "--version", environment=environment) if glslc else ""
    return Setting({"GGML_VULKAN": "ON"}, version=f"{version} {made_by}")


def _version(environment: Mapping[str, str], includes: list[str]) -> int | None:
    """VK_HEADER_VERSION; None without the headers. 0 for MSVC, which is not asked."""
    if platform.system() == "Windows":
        return _OLDEST if environment.get("VULKAN_SDK") else None
    lines = (
        "#include <vulkan/vulkan_core.h>",
        "#if __has_include(<vulkan/vulkan.hpp>)",
        "version VK_HEADER_VERSION",
    )
    source = "\n".join([*lines, "#endif\n"])
    found = re.search(
        r"\bversion\s+(\d+)", compiler.preprocess(source, environment, *includes) or "", re.MULTILINE
    )
    return int(found.group(1)) if found else None


def _missing(environment: Mapping[str, str], includes: list[str]) -> list[str]:
    """The parts that only the compiler and the linker can find."""
    if platform.system() == "Windows":
        return []  # the SDK's installer brings all of them
    libraries = [f"-L{folder}" for folder in sdk.from_variables(environment, ("VULKAN_SDK",), "lib")]
    missing = []
    if not compiler.links("vulkan", environment, *libraries):
        missing.append("the Vulkan loader (libvulkan)")
    if compiler.preprocess("#include <spirv/unified1/spirv.hpp>", environment, *includes) is None:
        missing.append("the SPIR-V headers")
    return missing

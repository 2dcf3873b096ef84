"""The headers that are included ahead of llama.cpp's sources: what they do, and what they cost."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from llama_build.compiler import HEADER
from llama_build.recipe import HERE

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not shutil.which("g++"), reason="needs GCC on x86-64"
)
AMX = """
#include <immintrin.h>
void configure(unsigned short columns, unsigned char rows) {
    struct { unsigned char palette = 1, start = 0, reserved[14] = {0}; unsigned short columns[16] = {0};
             unsigned char rows[16] = {0}; } tiles;
    for (int i = 0; i < 8; i++) { tiles.columns[i] = columns; tiles.rows[i] = rows; }
    _tile_loadconfig(&tiles);
}
"""


def test_compiler_stores_the_whole_tile_configuration(tmp_path: Path) -> None:
    """Without the header GCC 12 drops the stores of columns and rows, and the arguments are never read."""
    source = tmp_path / "tiles.cpp"
    source.write_text(AMX)
    command = ["g++", "-O3", "-mamx-tile", "-include", str(HEADER), "-S", "-o", "-", str(source)]
    assembly = subprocess.run(command, capture_output=True, text=True, check=False)
    if assembly.returncode:
        pytest.skip(f"this g++ does not know AMX: {assembly.stderr.splitlines()[0]}")
    before, found, _ = assembly.stdout.partition("ldtilecfg")
    assert found
    assert "%edi" in before, "the columns"
    assert "%esi" in before or "%sil" in before, "the rows"


def test_without_amx_the_header_is_empty() -> None:
    """Every C++ source of llama.cpp includes it; <immintrin.h> costs each of them 0.7 s."""
    command = ["g++", "-include", str(HEADER), "-E", "-P", "-x", "c++", "-"]
    done = subprocess.run(command, input="int x;\n", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["int", "x;"]


SETTINGS = """
int main() {
    int on = 0;
    std::vector<vk::LayerSettingEXT> all = {{"layer", "setting", vk::LayerSettingTypeEXT::eBool32, 1, &on}};
    vk::LayerSettingsCreateInfoEXT info(all);
    static_assert(sizeof(void *) != 8 || (sizeof(all[0]) == 32 && sizeof(info) == 32), "the sizes of the C structs");
    return info.settings[0].values != &on;
}
"""


@pytest.mark.parametrize("known", [False, True], ids=["old headers", "new headers"])
def test_the_vulkan_header_adds_what_old_headers_lack(tmp_path: Path, known: bool) -> None:
    core = tmp_path / "vulkan" / "vulkan_core.h"
    core.parent.mkdir()
    core.write_text("enum VkStructureType {};\n" + ("#define VK_EXT_layer_settings 1\n" if known else ""))
    header = HERE / "vulkan_layer_settings.h"
    command = ["g++", "-fsyntax-only", "-I", str(tmp_path), "-include", str(header), "-x", "c++", "-"]
    source = "namespace vk { struct LayerSettingEXT; }" if known else SETTINGS
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

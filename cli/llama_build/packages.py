"""The command that installs what is missing, in the words of this distribution.

In: what is missing (a key of `PACKAGES`) and the text of /etc/os-release. Out: a shell command. Package names are those
of Debian 12, Ubuntu 24.04, Fedora 42, Arch, openSUSE Tumbleweed, Alpine 3.21 and Homebrew. NVIDIA, AMD and Intel have
package sources that a distribution may lack: where it does not carry a package, the hint is the vendor's page.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

INSTALL = {
    "apt": "apt-get install",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "apk": "apk add",
}
# ID and ID_LIKE of os-release. A name that is not listed here gets every command.
MANAGERS = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
    "suse": "zypper",
    "opensuse": "zypper",
    "alpine": "apk",
}
CUDA_PAGE = "https://developer.nvidia.com/cuda-downloads"
ROCM_PAGE = "https://rocm.docs.amd.com/projects/install-on-linux"
ONEAPI_PAGE = "https://www.intel.com/content/www/us/en/developer/tools/oneapi/base-toolkit-download.html"
VULKAN_PAGE = "https://vulkan.lunarg.com/sdk/home"
COMPILER_PAGE = "https://gcc.gnu.org/install/binaries.html"

PACKAGES = {
    "compiler": {
        "apt": "g++",
        "dnf": "gcc-c++",
        "pacman": "gcc",
        "zypper": "gcc-c++",
        "apk": "g++ linux-headers",
    },
    "cuda": {"apt": "nvidia-cuda-toolkit", "pacman": "cuda"},
    "vulkan": {
        "apt": "libvulkan-dev glslc spirv-headers",
        "dnf": "vulkan-headers vulkan-loader-devel glslc spirv-headers-devel",
        "pacman": "vulkan-headers vulkan-icd-loader shaderc spirv-headers",
        "zypper": "vulkan-headers vulkan-devel shaderc spirv-headers",
        "apk": "vulkan-headers vulkan-loader-dev shaderc spirv-headers",
    },
    "hip": {
        "apt": "hipcc libhipblas-dev librocblas-dev",
        "dnf": "rocm-hip-devel hipblas-devel rocblas-devel",
        "pacman": "rocm-hip-sdk",
    },
    "sycl": {"pacman": "intel-oneapi-basekit"},
}
ELSEWHERE = {
    "compiler": COMPILER_PAGE,
    "cuda": CUDA_PAGE,
    "vulkan": VULKAN_PAGE,
    "hip": ROCM_PAGE,
    "sycl": ONEAPI_PAGE,
}


def how_to_install(what: str, os_release: str | None = None) -> str:
    """The hint for a missing SDK or compiler: a command for this system, or the page to get it from."""
    if platform.system() == "Darwin" and what == "compiler":
        return "Install it: xcode-select --install"
    names = PACKAGES[what]
    manager = _manager(_os_release() if os_release is None else os_release)
    if manager in names:
        return f"Install it: {_sudo()}{INSTALL[manager]} {names[manager]}"
    if manager or platform.system() != "Linux":
        return f"Get it from {ELSEWHERE[what]}"
    commands = ", ".join(f"{INSTALL[known]} {package}" for known, package in names.items())
    return f"Install it: {commands}, or see {ELSEWHERE[what]}"


def _manager(os_release: str) -> str:
    """The package manager of this distribution; empty where it is not known."""
    named = re.findall(r"^(?:ID|ID_LIKE)=(.*)$", os_release, re.MULTILINE)
    words = " ".join(named).replace('"', "").replace("'", "").split()
    families = [*words, *(word.partition("-")[0] for word in words)]
    return next((MANAGERS[word] for word in families if word in MANAGERS), "")


def _os_release() -> str:
    try:
        return Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sudo() -> str:
    return "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "

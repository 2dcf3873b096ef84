"""Tests on a Vulkan device, Mesa's software driver where there is no card. `make test-vulkan` runs them."""

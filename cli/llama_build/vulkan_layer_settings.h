/* Older Vulkan headers (1.3.239 in Debian 12) do not know the extension VK_EXT_layer_settings, and ggml-vulkan.cpp names
 * two of its structs, for its validation layer. Here they are, laid out as in C. Included ahead of ggml-vulkan's sources;
 * vulkan.hpp must not be included here, since these sources define macros for it first.
 */
#include <vulkan/vulkan_core.h>

#ifndef VK_EXT_layer_settings
#include <cstdint>
#include <vector>

namespace vk {

enum class LayerSettingTypeEXT { eBool32 = 0 };

struct LayerSettingEXT {
    const char *        layer;
    const char *        name;
    LayerSettingTypeEXT type;
    std::uint32_t       count;
    const void *        values;
};

struct LayerSettingsCreateInfoEXT {
    VkStructureType         type = static_cast<VkStructureType>(1000496000); /* of the extension's specification */
    const void *            next = nullptr;
    std::uint32_t           count;
    const LayerSettingEXT * settings;

    explicit LayerSettingsCreateInfoEXT(const std::vector<LayerSettingEXT> & all)
        : count(static_cast<std::uint32_t>(all.size())), settings(all.data()) {}
};

}  // namespace vk
#endif

/* Vulkan-Hpp before 1.3.268 has no C++ names for the extension VK_EXT_layer_settings, and ggml-vulkan.cpp names two of
 * them, for its validation layer. Here they are, with the layout of the C structs. Included ahead of ggml-vulkan's sources.
 */
#include <vulkan/vulkan.hpp>

#if VK_HEADER_VERSION < 268
namespace vk {

enum class LayerSettingTypeEXT { eBool32 = 0 };

struct LayerSettingEXT {
    const char *        layer;
    const char *        name;
    LayerSettingTypeEXT type;
    uint32_t            count;
    const void *        values;
};

struct LayerSettingsCreateInfoEXT {
    VkStructureType         type = static_cast<VkStructureType>(1000496000); /* VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT */
    const void *            next = nullptr;
    uint32_t                count;
    const LayerSettingEXT * settings;

    explicit LayerSettingsCreateInfoEXT(const std::vector<LayerSettingEXT> & all)
        : count(static_cast<uint32_t>(all.size())), settings(all.data()) {}
};

}  // namespace vk
#endif

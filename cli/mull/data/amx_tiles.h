/* Read and written whole: the 64-byte tile configuration of AMX.
 *
 * GCC's own _tile_loadconfig declares that it reads 8 bytes of its operand (amxtileintrin.h), so the optimizer may drop
 * the stores to the other 56; GCC 12 does, the tiles are configured empty, and the first matrix product dies with SIGILL.
 * These two say the full size. Included ahead of every C++ source of llama.cpp; only ggml-cpu's are compiled for this CPU,
 * and only there, on a CPU with AMX, the compiler has to read <immintrin.h>.
 */
#if defined(__AMX_TILE__) && defined(__cplusplus) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" : : "m"(*(const char (*)[64])(config)))
#define _tile_storeconfig(config) __asm__ volatile("sttilecfg\t%X0" : "=m"(*(char (*)[64])(config)))
#endif

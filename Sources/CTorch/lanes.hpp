// What loops of our own over numbers side by side need.
#pragma once

// One copy of a function for every width of registers, of which the program takes the one the processor has.
#if defined(__x86_64__) && defined(__linux__)
#define FOR_ALL_PROCESSORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_ALL_PROCESSORS
#endif
#define INLINE inline __attribute__((always_inline))

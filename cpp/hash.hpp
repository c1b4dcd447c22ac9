// One mixing function for every hash table of the core.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tamis {

inline std::uint64_t mix(std::uint64_t seed, std::uint64_t value) {
  // The finaliser of splitmix64 (Steele, Lea and Flood 2014) over the running value.
  std::uint64_t z = seed * 0x9E3779B97F4A7C15ULL + value + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

template <typename T>
std::uint64_t hash_words(const T* data, std::size_t count, std::uint64_t seed = 0) {
  std::uint64_t h = mix(seed, count);
  for (std::size_t i = 0; i < count; ++i) h = mix(h, static_cast<std::uint64_t>(data[i]));
  return h;
}

}  // namespace tamis

// How a special token, one that is never text, is spelled for automata over bytes: as bytes that no UTF-8 text contains
// around its name.
#pragma once

#include <string>
#include <string_view>

namespace tamis {

inline constexpr char kSpecialBegin = '\xFF';
inline constexpr char kSpecialEnd = '\xFE';

inline std::string special_bytes(std::string_view name) { return kSpecialBegin + std::string(name) + kSpecialEnd; }

}  // namespace tamis
